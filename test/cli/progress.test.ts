import { describe, expect, it } from 'vitest';
import { createProgress, progressLine } from '../../src/cli/progress.ts';

function stream(isTTY: boolean) {
  const written: string[] = [];
  const fake = { isTTY, columns: 120, write: (text: string) => written.push(text) };
  return { written, fake: fake as unknown as NodeJS.WriteStream };
}

const half = { readBytes: 50, totalBytes: 100, records: 1_000_000, seconds: 2, alerts: 1 };

describe('cli/progress', () => {
  it('tells share, rate, time left and alerts', () => {
    expect(progressLine(half)).toBe(
      '████████████░░░░░░░░░░░░  50 %  1,000,000 records  500,000/s  2s left  1 alert',
    );
  });

  it('guesses no end before it has seen a second', () => {
    expect(progressLine({ ...half, seconds: 0.5 })).not.toContain('left');
  });

  it('copes with files of no bytes and no time', () => {
    expect(progressLine({ readBytes: 0, totalBytes: 0, records: 0, seconds: 0, alerts: 0 })).toContain('0 %');
  });

  it('writes nothing into a pipe', () => {
    const { written, fake } = stream(false);
    const progress = createProgress(fake);
    progress.show(half);
    progress.end();
    expect(written).toEqual([]);
  });

  it('clears its line at the end on a terminal', () => {
    const { written, fake } = stream(true);
    const progress = createProgress(fake);
    progress.show(half);
    progress.end();
    expect(written.at(-1)).toBe('\r\x1b[K');
  });
});
