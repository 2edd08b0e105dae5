import { describe, expect, it } from 'vitest';
import { watchDisk } from '../../src/live/disk-guard.ts';

describe('disk guard', () => {
  it('is short while less than the reserve is free, and says when that changes', async () => {
    let reserve = Number.MAX_SAFE_INTEGER;
    const told: boolean[] = [];
    using disk = await watchDisk({
      folder: '.',
      reserve: () => reserve,
      interval: 5,
      onChange: (isShort) => told.push(isShort),
    });
    expect(disk.isShort).toBe(true);
    expect(disk.free).toBeGreaterThan(0);
    reserve = disk.free;
    while (told.length === 1 && disk.free < reserve * 1.1) {
      reserve = disk.free / 2;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    while (told.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told).toEqual([true, false]);
    expect(disk.isShort).toBe(false);
  });

  it('looks at the disk of a folder that is not there yet', async () => {
    using disk = await watchDisk({
      folder: 'none/at/all',
      reserve: () => Number.MAX_SAFE_INTEGER,
      interval: 1000,
      onChange: () => {},
    });
    expect(disk.isShort).toBe(true);
  });

  it('changes nothing when the folder cannot be looked at', async () => {
    using disk = await watchDisk({
      folder: 'package.json/data',
      reserve: () => Number.MAX_SAFE_INTEGER,
      interval: 1000,
      onChange: () => {
        throw new Error('nothing changed');
      },
    });
    expect(disk.isShort).toBe(false);
  });
});
