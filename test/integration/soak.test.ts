import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const SOAK = join(import.meta.dirname, '../../bench/soak.ts');

describe('a short soak', () => {
  // It fails by itself when the counts do not add up to what was given.
  it('loses nothing, and tells how memory grew', async () => {
    const size = ['--minutes', '0.5', '--warm-up', '0.1', '--rate', '2000'];
    const { stdout } = await promisify(execFile)(process.execPath, [SOAK, ...size]);
    expect(stdout).toMatch(/^60,000 records in .*, none lost; memory grows by -?[\d.]+ ± \S+ MB\/h/);
  });
});
