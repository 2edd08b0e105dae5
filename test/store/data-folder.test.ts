import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimDataFolder } from '../../src/store/data-folder.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { emptyContents } from '../../src/store/state/contents.ts';
import { temporaryFolder } from './support.ts';

const MODULE = new URL('../../src/store/data-folder.ts', import.meta.url).href;

/** A program that claims the folder, says so, and stays. */
function holder(folder: string): string {
  return `const { claimDataFolder } = await import(${JSON.stringify(MODULE)});
    try { await claimDataFolder(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000); }
    catch (error) { console.log(error.message); process.exit(1); }`;
}

describe('a data folder', () => {
  it('is refused while another process holds it, and free again after that one was killed', async () => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder(folder)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('held\n');
    await expect(claimDataFolder(folder)).rejects.toThrow(`process ${child.pid} holds it`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const claimed = await claimDataFolder(folder);
    await expect(claimDataFolder(folder)).rejects.toThrow(`process ${process.pid} holds it`);
    await claimed.release();
    expect(readdirSync(folder)).toEqual(['flowsentry.json']);
  });

  it('is not taken for held when another process has got the number of a dead one', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'flowsentry.lock'), JSON.stringify({ pid: process.pid, started: '1' }));
    await (await claimDataFolder(folder)).release();
  });

  it('goes to one of several processes that start at once', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'flowsentry.lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }));
    const children = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', holder(folder)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const said = await Promise.all(
      children.map(async (child) => String(((await once(child.stdout, 'data')) as [Buffer])[0])),
    );
    for (const child of children) child.kill('SIGKILL');
    expect(said.filter((text) => text === 'held\n')).toHaveLength(1);
  });

  it('that a newer version wrote is refused and left as it is', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'flowsentry.json'), '{"version":99}');
    await expect(claimDataFolder(folder)).rejects.toThrow(/newer flowsentry/);
    expect(readdirSync(folder)).toEqual(['flowsentry.json']);
    expect(readFileSync(join(folder, 'flowsentry.json'), 'utf8')).toBe('{"version":99}');
  });

  it.each(['', 'null', '{"version":"1"}', '{'])('with a marker that reads %j is refused', async (text) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'flowsentry.json'), text);
    await expect(claimDataFolder(folder)).rejects.toThrow(/damaged/);
    expect(existsSync(join(folder, 'flowsentry.lock'))).toBe(false);
  });

  it('with a damaged marker is known by its manifest, and keeps its own name', async () => {
    const folder = temporaryFolder();
    const { instance, release } = await claimDataFolder(folder);
    await release();
    await createPublisher(folder).publish(emptyContents(), { witness: { instance, seq: 1, file: '' } });
    for (const text of ['', '{"version":"2"}', '{"version":2,"instance":"x']) {
      writeFileSync(join(folder, 'flowsentry.json'), text);
      const claimed = await claimDataFolder(folder);
      expect(claimed.instance).toBe(instance);
      expect(claimed.problems.join()).toContain('made anew from the manifest');
      await claimed.release();
    }
    const again = await claimDataFolder(folder);
    expect(again).toMatchObject({ instance, problems: [] });
    await again.release();
  });

  it('that holds other things is refused, so that nothing of theirs is ever erased', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'history'), 'mine');
    await expect(claimDataFolder(folder)).rejects.toThrow('it holds other things (history)');
    expect(readdirSync(folder)).toEqual(['history']);
  });

  it('that cannot be made says why', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    await expect(claimDataFolder(join(folder, 'file', 'data'))).rejects.toThrow(/^cannot use data folder/);
  });
});
