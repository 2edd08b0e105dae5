import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { parseConfig } from '../src/config.ts';
import type { Alert } from '../src/contracts.ts';
import { readManifest } from '../src/store/manifest/manifest.ts';
import { temporaryFolder } from './cli/run.ts';
import { startRun } from './cli/service.ts';

const T = Date.parse('2026-01-05T00:00:00Z') / 1000;
const SETTINGS = 'detectors: {unexpected-egress: {learnDays: 0}}\n';
const folder = temporaryFolder();

function flow(from: string, to: string, bytes: number, start: number): string {
  return `2 123456789012 eni-0a1b2c3d ${from} ${to} 6 900 ${bytes} ${start} ${start + 50} ACCEPT OK`;
}

/** A call of `client` to somewhere new at `start`, and enough around it that time is believed and moves on. */
function flows(client: string, peer: string, start: number): string {
  const others = Array.from({ length: 300 }, (_, i) =>
    flow('10.0.0.250', '10.0.0.251 40000 443', 99, start + i * 3),
  );
  const there = flow(client, `${peer} 40000 4444`, 900_000, start);
  const back = flow(peer, `${client} 4444 40000`, 9000, start);
  return `${[there, back, ...others].join('\n')}\n`;
}

function query(client: string, name: string, address: string, at: number): string {
  return JSON.stringify({
    ...{ version: '1.100000', query_timestamp: new Date(at * 1000).toISOString(), query_name: `${name}.` },
    ...{ srcaddr: client, answers: [{ Rdata: address, Type: 'A', Class: 'IN' }] },
  });
}

const of = (alerts: readonly Alert[], peer: string): Alert | undefined =>
  alerts.find((alert) => alert.detector === 'unexpected-egress' && alert.peer === peer);

describe('alerts', () => {
  const logs = join(folder, 'replayed');
  const run = async (batchRows: number) => {
    const config = parseConfig(SETTINGS, 'x.yaml');
    const ingest = { ...config.ingest, batchRows };
    return replay({
      ...{ paths: [logs], data: join(folder, `data-${batchRows}`), config: { ...config, ingest } },
      ...{ format: undefined, restart: false, onProgress() {}, warn() {} },
    });
  };

  it('say for which name the subject was given the address before, in any size of batches', async () => {
    mkdirSync(logs);
    writeFileSync(join(logs, 'flows.log'), flows('10.0.0.5', '203.0.113.9', T));
    const lines = [
      query('10.0.0.5', 'evil.example', '203.0.113.9', T - 5),
      query('10.0.0.6', 'other.example', '203.0.113.9', T - 5),
      query('10.0.0.5', 'later.example', '203.0.113.9', T + 600),
    ];
    writeFileSync(join(logs, 'resolver.log.gz'), gzipSync(`${lines.join('\n')}\n`));
    const { book, ...counts } = await run(16_384);
    expect(of(book, '203.0.113.9')).toMatchObject({ peerNames: ['evil.example'] });
    expect(counts).toMatchObject({
      received: 305,
      stored: 302,
      filtered: 3,
      rejected: 0,
      late: 0,
      duplicate: 0,
    });
    expect((await run(64)).book).toEqual(book);
    // What is durable is known again, and changes nothing.
    expect(await run(16_384)).toMatchObject({ duplicate: 305, filtered: 0, book });
  });

  it('know names through a restart, from a source of their own', async () => {
    const root = join(folder, 'service');
    const source = `- {type: file, name: flows, paths: [logs], interval: 0.05, idle: 1s}
  - {type: file, name: names, paths: [names], interval: 0.05, idle: 1s}`;
    mkdirSync(join(root, 'names'), { recursive: true });
    let service = startRun(root, source, SETTINGS);
    // As many as it takes to believe a time.
    const lines = Array.from({ length: 40 }, () => query('10.0.0.5', 'evil.example', '203.0.113.9', T - 5));
    writeFileSync(join(root, 'names', 'resolver.log'), `${lines.join('\n')}\n`);
    await service.saying('checkpoint written');
    expect(service.logged()).toContainEqual(expect.objectContaining({ received: 40, filtered: 40 }));
    expect(await service.stop()).toBe(0);

    service = startRun(root, source, SETTINGS);
    writeFileSync(join(service.logs, 'flows.log'), flows('10.0.0.5', '203.0.113.9', T));
    let found: Alert | undefined;
    while (found === undefined) {
      await sleep(50);
      found = of((await readManifest(service.data).catch(() => undefined))?.alerts ?? [], '203.0.113.9');
    }
    expect(found).toMatchObject({ peerNames: ['evil.example'] });
    expect(await service.stop()).toBe(0);
  });
});
