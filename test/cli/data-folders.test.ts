import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flowsentry, logLine, temporaryFolder } from './run.ts';
import { lists, rowsOf, startRun } from './service.ts';

const root = temporaryFolder();
const OLDER = join(import.meta.dirname, '../store/older-folders');
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';

/** Every file with its bytes. */
function contentOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file, readFileSync(file, 'latin1')]),
  );
}

describe('flowsentry run', () => {
  // Made by the commits that had these formats, from 306 records with a scan in them.
  it.each([1, 2])('goes on with a folder that a version with format %d wrote', async (format) => {
    const place = join(root, `older-${format}`);
    const data = join(place, 'data');
    mkdirSync(data, { recursive: true });
    execFileSync('tar', ['-xzf', join(OLDER, `format-${format}.tar.gz`), '-C', data]);
    const before = await rowsOf(data, 'SELECT sum(bytes)::BIGINT AS bytes FROM flows');
    const service = startRun(place, SOURCE);
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`);
    await lists(data, 307);
    expect(await service.stop()).toBe(0);
    expect(service.logged().filter(({ level }) => level !== 'info')).toEqual([]);
    const old = "FROM flows WHERE srcaddr <> '10.0.1.5' OR dstaddr <> '10.0.2.9'";
    expect(await rowsOf(data, `SELECT sum(bytes)::BIGINT AS bytes ${old}`)).toEqual(before);
    expect(await rowsOf(data, 'SELECT detector FROM alerts')).toEqual([{ detector: 'port-scan' }]);
    expect(JSON.parse(readFileSync(join(data, 'flowsentry.json'), 'utf8'))).toMatchObject({ version: 3 });
    expect((await flowsentry(['verify', '--data', data])).stdout).toContain('have no checksums');
  });

  it.skipIf(process.getuid?.() !== 0)(
    'leaves a folder of another user as it is, when root runs it',
    async () => {
      const place = join(root, 'others');
      const first = startRun(place, SOURCE);
      await first.saying('running');
      expect(await first.stop()).toBe(0);
      chownSync(join(first.data, 'flowsentry.json'), 10_001, 10_002);
      const before = contentOf(first.data);
      const second = startRun(place, SOURCE);
      expect(await second.ended).toBe(1);
      expect(second.stderr()).toContain("it is user 10001's, who could not use what user 0 writes there");
      expect(contentOf(first.data)).toEqual(before);
      execFileSync('chown', ['-R', '0', first.data]);
      const third = startRun(place, SOURCE);
      await third.saying('running');
      expect(await third.stop()).toBe(0);
    },
  );

  it('leaves a folder of a newer version as it is, to the byte', async () => {
    const place = join(root, 'newer');
    const first = startRun(place, SOURCE);
    await first.saying('running');
    writeFileSync(join(first.logs, 'a.log'), `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`);
    await lists(first.data, 1);
    expect(await first.stop()).toBe(0);
    writeFileSync(join(first.data, 'flowsentry.json'), '{"version":4,"instance":{"of":"another kind"}}');
    const before = contentOf(first.data);
    const second = startRun(place, SOURCE);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('a newer flowsentry (format 4, this one knows 3) wrote it');
    expect(contentOf(first.data)).toEqual(before);
  });

  it('refuses a folder that another one holds, which goes on undisturbed', async () => {
    const place = join(root, 'held');
    const first = startRun(place, SOURCE);
    await first.saying('running');
    const second = startRun(place, SOURCE);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain(`process ${first.child.pid} holds it`);
    writeFileSync(join(first.logs, 'a.log'), `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`);
    await lists(first.data, 1);
    expect(await first.stop()).toBe(0);
  });

  it('publishes at its start what a process that was killed had no time to', async () => {
    const place = join(root, 'unpublished');
    const line = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`;
    const first = startRun(place, SOURCE);
    const manifest = join(first.data, 'manifest.json');
    await first.saying('running');
    appendFileSync(join(first.logs, 'a.log'), line);
    await lists(first.data, 1);
    const before = readFileSync(manifest);
    appendFileSync(join(first.logs, 'a.log'), line);
    await lists(first.data, 2);
    expect(await first.stop()).toBe(0);
    // As after a kill between the second checkpoint's commit and its manifest.
    writeFileSync(manifest, before);
    const second = startRun(place, SOURCE);
    await second.saying('running');
    // Nothing new comes, and yet.
    expect(await rowsOf(second.data, 'SELECT count(*)::INT AS n FROM flows')).toEqual([{ n: 2 }]);
    expect(await second.stop()).toBe(0);
  });
});
