import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { createFirehoseSource } from '../../src/ingest/firehose/source.ts';
import { listenForDeliveries } from '../../src/serve/deliveries.ts';
import { itIsASource, type SourceRig } from '../contracts/source.ts';
import { firehoseOptions, send } from './firehose-support.ts';

/** Sends as Firehose does: the same request again and again until it is answered with 200, wherever the endpoint is by then. */
async function create(name: string): Promise<SourceRig> {
  const options = firehoseOptions({});
  let url: string | undefined;
  let turn = 0;
  const deliver = async (id: string, lines: readonly string[]): Promise<void> => {
    for (;;) {
      const answer = url === undefined ? undefined : await send(url, id, lines).catch(() => undefined);
      if (answer?.status === 200) return;
      await sleep(20);
    }
  };
  return {
    async put(lines) {
      void deliver(`${name}-${++turn}`, lines);
    },
    open: (resume, events) =>
      createFirehoseSource(options, resume, events, async (...args) => {
        const server = await listenForDeliveries(...args);
        url = server.url + options.path;
        return server;
      }),
  };
}

describe('the firehose source', () => {
  itIsASource({ create, putSize: 200, puts: 20 });
});
