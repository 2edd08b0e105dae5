import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { claimDataFolder } from '../../src/store/data-folder.ts';
import { spoolCommand, spooledCommands } from '../../src/store/spool.ts';

const root = mkdtempSync(join(tmpdir(), 'flowsentry-spool-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the spool of commands', () => {
  it('takes none for a folder that is no data folder, and leaves it as it is', async () => {
    const data = join(root, 'none');
    await expect(spoolCommand(data, {})).rejects.toThrow('nothing was ever stored there');
    expect(existsSync(data)).toBe(false);
    mkdirSync(data);
    await expect(spoolCommand(data, {})).rejects.toThrow('nothing was ever stored there');
    await (await claimDataFolder(data)).release();
    const name = await spoolCommand(data, { do: 'nothing' });
    expect(await spooledCommands(data)).toEqual([{ name, text: '{"do":"nothing"}' }]);
  });

  it.skipIf(process.getuid?.() !== 0)('gives what root leaves to the user of the service', async () => {
    const data = join(root, 'of-another');
    await (await claimDataFolder(data)).release();
    chownSync(join(data, 'flowsentry.json'), 10_001, 10_002);
    const name = await spoolCommand(data, {});
    for (const path of ['commands', `commands/${name}`])
      expect(statSync(join(data, path))).toMatchObject({ uid: 10_001, gid: 10_002 });
  });

  it('is empty when nobody ever left a command, and tells when it cannot be read', async () => {
    const data = join(root, 'unreadable');
    mkdirSync(data);
    expect(await spooledCommands(data)).toEqual([]);
    writeFileSync(join(data, 'commands'), '');
    await expect(spooledCommands(data)).rejects.toThrow('ENOTDIR');
  });
});
