import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Watches the free space of a folder, so that reading pauses before the disk is full and goes on by itself. */
export interface DiskGuard extends Disposable {
  /** Bytes free when last looked at. */
  readonly free: number;
  /** There is less than the reserve left. */
  readonly isShort: boolean;
}

export interface DiskGuardOptions {
  readonly folder: string;
  /** Bytes that stay free. */
  reserve(): number;
  /** Milliseconds between two looks. */
  readonly interval: number;
  onChange(isShort: boolean, free: number): void;
}

/** Space has to come back by this share of the reserve before reading goes on: else it would pause and go on all the time. */
const MARGIN = 0.1;

/** Looks at once, and then at each interval. A folder that cannot be looked at changes nothing: writing will say what is wrong. */
export async function watchDisk({
  folder,
  reserve,
  interval,
  onChange,
}: DiskGuardOptions): Promise<DiskGuard> {
  let free = Number.POSITIVE_INFINITY;
  let isShort = false;
  const look = async (): Promise<void> => {
    const found = await statOf(folder);
    if (found === undefined) return;
    free = found.bavail * found.bsize;
    const now = free < reserve() * (isShort ? 1 + MARGIN : 1);
    if (now === isShort) return;
    isShort = now;
    onChange(isShort, free);
  };
  await look();
  const timer = setInterval(() => void look(), interval);
  timer.unref();
  return {
    get free() {
      return free;
    },
    get isShort() {
      return isShort;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** The file system that the folder is on, or will be on when it is made. */
async function statOf(folder: string): Promise<StatsFs | undefined> {
  try {
    return await statfs(folder);
  } catch (error) {
    const parent = dirname(folder);
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && parent !== folder;
    return isMissing ? statOf(parent) : undefined;
  }
}
