import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const DELAY = join(import.meta.dirname, '../../bench/alert-delay.ts');

describe('a short measurement of how long alerts take', () => {
  // It fails by itself when an alert is missing.
  it('sees the alert of every step', async () => {
    const size = ['--seconds', '8', '--warm-up', '4', '--rate', '3000'];
    const { stdout } = await promisify(execFile)(process.execPath, [DELAY, ...size]);
    expect(stdout).toMatch(/ (?<found>[1-9]\d*) alerts of \k<found>, seconds from .* median \d/);
  });
});
