import { execFileSync } from 'node:child_process';
import { globSync, writeFileSync } from 'node:fs';

const LIBRARY = '/usr/lib/*/faketime/libfaketime.so.1';

/** A wall clock that can be set while a process runs; its steady clock, by which timers go, stays true. */
export interface FakeClock {
  readonly env: NodeJS.ProcessEnv;
  /** Offset from the true time, such as `+2h` or `-2h`. */
  set(offset: string): void;
}

/** Installs libfaketime where it is missing; `file` holds the offset. */
export function createFakeClock(file: string): FakeClock {
  if (globSync(LIBRARY).length === 0)
    execFileSync('apt-get', ['install', '-y', '-q', 'faketime'], { stdio: 'ignore' });
  const [library] = globSync(LIBRARY);
  if (library === undefined) throw new Error('libfaketime is not there');
  const set = (offset: string): void => writeFileSync(file, `${offset}\n`);
  set('+0');
  return {
    set,
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
  };
}
