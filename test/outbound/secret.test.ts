import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { readSecret, SecretReference } from '../../src/outbound/secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-secret-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'key');
writeFileSync(file, '', { mode: 0o600 });

describe('secrets', () => {
  it('come from files and the environment, without the line end', async () => {
    writeFileSync(file, 'hunter2-and-more\n');
    expect((await readSecret({ file }, 'the key')).reveal()).toBe('hunter2-and-more');
    process.env.FLOWSENTRY_TEST_SECRET = 'from outside';
    expect((await readSecret({ env: 'FLOWSENTRY_TEST_SECRET' }, 'the key')).reveal()).toBe('from outside');
    delete process.env.FLOWSENTRY_TEST_SECRET;
  });

  it('never show themselves', async () => {
    writeFileSync(file, 'hunter2-and-more');
    const secret = await readSecret({ file }, 'the key');
    const shown = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9 }),
    ];
    for (const text of shown) {
      expect(text).not.toContain('hunter2');
      expect(text).toContain('[secret]');
    }
    expect(JSON.stringify(Object.entries(secret))).not.toContain('hunter2');
  });

  it.each([
    [{ file: join(folder, 'none') }, 'cannot read the key: ENOENT'],
    [{ env: 'FLOWSENTRY_NO_SUCH' }, 'cannot read the key: the variable FLOWSENTRY_NO_SUCH holds none'],
  ])('are missed with the place where they should be: %o', async (reference, message) => {
    await expect(readSecret(reference, 'the key')).rejects.toThrow(message);
  });

  it.each([0o644, 0o640, 0o602, 0o660, 0o601])(
    'are refused in a file that others can open: mode %o',
    async (mode) => {
      writeFileSync(file, 'hunter2-and-more');
      chmodSync(file, mode);
      await expect(readSecret({ file }, 'the key')).rejects.toThrow(
        `cannot read the key: ${file} has mode 0${mode.toString(8)}: others can read it; chmod 600 it`,
      );
      chmodSync(file, 0o400);
      expect((await readSecret({ file }, 'the key')).reveal()).toBe('hunter2-and-more');
      chmodSync(file, 0o600);
    },
  );

  it('are no wrong file', async () => {
    writeFileSync(file, 'x'.repeat(70_000));
    await expect(readSecret({ file }, 'the key')).rejects.toThrow('holds more than one');
  });

  it('never stand in a configuration', () => {
    expect(SecretReference.safeParse('hunter2').success).toBe(false);
    expect(SecretReference.safeParse({ value: 'hunter2' }).success).toBe(false);
  });
});
