import { mkdirSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { flowsentry, logLine, scanLog, temporaryFolder } from './run.ts';
import { rowsOf, startRun } from './service.ts';

const root = temporaryFolder();
const COUNT = 'SELECT count(*)::INT AS n FROM flows';

/** A data folder with sixty records of one hour, and a way to bring more. */
async function filled(name: string) {
  const data = join(root, name);
  const replay = async (text: string) => {
    const file = join(root, `${name.replace('/', '-')}-${text.length}.log`);
    writeFileSync(file, text);
    return flowsentry(['replay', file, '--data', data, '--json']);
  };
  expect((await replay(scanLog())).code).toBe(0);
  const manifest = await readManifest(data);
  const path = manifest!.segments.find(({ table }) => table === 'flows')!.path;
  return { data, replay, path, file: join(data, path) };
}

function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
}

describe('flowsentry verify', () => {
  it('finds nothing where nothing is wrong', async () => {
    const { data } = await filled('good');
    const { code, stdout } = await flowsentry(['verify', '--data', data]);
    expect(code).toBe(0);
    expect(stdout).toContain('all is as it was written');
  });

  it('tells of a damaged file, which no query uses, and puts it aside', async () => {
    const { data, file, path } = await filled('flipped');
    flip(file);
    const found = await flowsentry(['verify', '--data', data, '--json']);
    expect(found.code).toBe(3);
    expect(JSON.parse(found.stdout)).toMatchObject({
      damaged: 1,
      loss: { files: 1, rows: { flows: 60 }, from: 1_767_571_250, to: 1_767_571_250 },
    });
    const refused = await flowsentry(['query', '--data', data, COUNT]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(`cannot answer: ${path} (60 flows from 2026-01-05T00:00:50.000Z to`);

    const mended = await flowsentry(['verify', '--data', data, '--put-aside']);
    expect(mended.code).toBe(3);
    expect(mended.stdout).toContain('data is lost: 60 flows from 2026-01-05T00:00:50.000Z');
    expect(readdirSync(join(data, 'damaged'))).toEqual([path.split('/').slice(1).join('_')]);
    expect(await rowsOf(data, COUNT)).toEqual([{ n: 0 }]);
    expect((await flowsentry(['verify', '--data', data])).code).toBe(0);
    // What was found in it stays.
    expect(await rowsOf(data, 'SELECT detector FROM alerts')).toEqual([{ detector: 'port-scan' }]);
  });

  it('says that it needs a history', async () => {
    const { code, stderr } = await flowsentry(['verify', '--data', join(root, 'none')]);
    expect(code).toBe(1);
    expect(stderr).toContain('nothing was ever stored there');
  });
});

describe('a damaged file of the history', () => {
  it('is put aside by whoever maintains the history, and the loss is told', async () => {
    const { data, replay, file } = await filled('maintained');
    flip(file);
    const { code, stderr } = await replay(`${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT', 7200)}\n`);
    expect(code).toBe(0);
    expect(stderr).toContain('data is lost: 60 flows from 2026-01-05T00:00:50.000Z');
    expect(await rowsOf(data, COUNT)).toEqual([{ n: 1 }]);
  });

  it('is put aside at the start of the service when it was cut off', async () => {
    const { data, file } = await filled('service/data');
    truncateSync(file, 100);
    const service = startRun(join(root, 'service'), '- {type: file, name: f, paths: [logs]}');
    await service.saying('running');
    while (service.alerts().join('') === '') await sleep(50);
    expect(await service.stop()).toBe(0);
    expect(JSON.parse(service.alerts()[0] ?? '')).toMatchObject({
      detector: 'telemetry-loss',
      severity: 'high',
      subject: 'history',
    });
    expect(service.logged()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        message: 'data is lost: files of the history are damaged and were put aside',
        rows: { flows: 60 },
      }),
    );
    expect(await rowsOf(data, COUNT)).toEqual([{ n: 0 }]);
  });

  it('is not taken for lost when the whole history is away', async () => {
    const { data } = await filled('away');
    const history = join(data, 'history');
    renameSync(history, `${data}-history`);
    mkdirSync(history);
    const { code, stderr } = await flowsentry(['verify', '--data', data, '--put-aside']);
    expect(code).toBe(1);
    expect(stderr).toContain('is a disk not mounted?');
    renameSync(`${data}-history`, history);
    expect(await rowsOf(data, COUNT)).toEqual([{ n: 60 }]);
  });
});
