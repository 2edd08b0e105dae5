import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileSinkOptions, openFileSink } from '../../../src/send/sinks/file.ts';
import { temporaryFolder } from '../../cli/run.ts';
import { messageOf } from '../../contracts/sink.ts';
import { alertOf } from '../alerts.ts';
import { HOSTILE } from '../hostile.ts';

const folder = temporaryFolder();
const open = (path: string) => openFileSink(FileSinkOptions.parse({ type: 'file', name: 'f', path }));
const signal = AbortSignal.timeout(60_000);
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('the sink file', () => {
  it('grows by a line for each alert, with the key of its message', async () => {
    const path = join(folder, 'alerts.jsonl');
    const sink = await open(path);
    const alerts = [alertOf(1), alertOf(2)];
    expect(await sink.deliver(messageOf(alerts), signal)).toEqual({
      delivered: true,
      answer: `written to ${path}`,
    });
    renameSync(path, `${path}.1`);
    await sink.deliver(
      messageOf([alertOf(3)], { dropped: [{ detector: 'a', severity: 'low', alerts: 4 }] }),
      signal,
    );
    const key = 'k'.repeat(32);
    expect(linesOf(`${path}.1`)).toEqual(alerts.map((alert) => ({ ...alert, key })));
    expect(linesOf(path)).toEqual([
      { ...alertOf(3), key },
      { key, dropped: [{ detector: 'a', severity: 'low', alerts: 4 }] },
    ]);
  });

  it('keeps hostile texts on their line', async () => {
    const path = join(folder, 'hostile.jsonl');
    const sink = await open(path);
    const alerts = HOSTILE.map((title, i) => alertOf(i, { title }));
    await sink.deliver(messageOf(alerts), signal);
    expect(linesOf(path).map(({ title }) => title)).toEqual(HOSTILE.map((text) => text));
  });

  it('says that it cannot be written, which may pass', async () => {
    const path = join(folder, 'a-folder');
    mkdirSync(path);
    const sink = await open(path);
    expect(await sink.deliver(messageOf([alertOf(1)]), signal)).toMatchObject({
      delivered: false,
      reason: 'unavailable',
    });
  });
});

describe('lines in the form of OCSF', () => {
  it('are a Detection Finding each', async () => {
    const path = join(folder, 'ocsf.jsonl');
    const sink = await openFileSink(
      FileSinkOptions.parse({ type: 'file', name: 'f', path, format: 'ocsf' }),
      'https://flows.example.org',
    );
    await sink.deliver(messageOf([alertOf(1), alertOf(2, { state: 'resolved' })]), signal);
    expect(
      linesOf(path).map(({ type_uid, finding_info: { uid, src_url } }) => [type_uid, uid, src_url]),
    ).toEqual([
      [200401, alertOf(1).id, `https://flows.example.org/alerts/${alertOf(1).id}`],
      [200403, alertOf(2).id, `https://flows.example.org/alerts/${alertOf(2).id}`],
    ]);
  });
});
