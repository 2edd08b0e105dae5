import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const DELAY = join(import.meta.dirname, '../../bench/page-delay.ts');

describe('a short measurement of how long pages take', () => {
  // It fails by itself when a page is missing, comes twice or is not as PagerDuty documents it.
  it('sees the page of every alert', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [DELAY, '--pages', '8']);
    expect(stdout).toMatch(/^8 pages of 8, each once, seconds from its records to the page: median \d/);
  });
});
