import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, on a file: what happens to it happens to nothing else. */
export interface FileSystem {
  /** What was not made durable is gone, and nothing can be written any more, as after a failure of the disk. */
  abort(): void;
  /** As after the machine was started again. Nobody may use it at that moment. */
  again(): void;
  unmount(): void;
}

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });

/** Mounts one at a folder. */
export function mountAt(folder: string, megabytes: number): FileSystem {
  const image = `${folder}.image`;
  mkdirSync(folder, { recursive: true });
  run('truncate', '-s', `${megabytes}M`, image);
  // Blocks for root would be room for us that nobody else has.
  run('mkfs.ext4', '-q', '-m', '0', image);
  const mount = () => run('mount', '-o', 'loop', image, folder);
  mount();
  return {
    abort: () => run('mount', '-o', 'remount,abort', folder),
    again() {
      run('umount', folder);
      mount();
    },
    unmount() {
      run('umount', folder);
      rmSync(image);
    },
  };
}

/** False where nothing can be mounted. */
export function canMount(): boolean {
  const folder = join(tmpdir(), `flowsentry-mount-${process.pid}`);
  try {
    mountAt(folder, 8).unmount();
    return true;
  } catch {
    process.stderr.write('nothing can be mounted here: tests on a failing file system are left out\n');
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}.image`, { force: true });
  }
}
