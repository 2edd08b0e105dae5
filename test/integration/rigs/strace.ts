import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** System calls that change what is on the disk. */
const WRITING = [
  ...['write', 'pwrite64', 'writev', 'pwritev', 'fsync', 'fdatasync', 'ftruncate', 'fallocate'],
  ...['rename', 'renameat2', 'unlink', 'unlinkat', 'link', 'mkdir', 'rmdir'],
];

/** Calls of one kind on some files, by one thread or the others of a process: what a counter of strace can address. */
export interface Point {
  readonly call: string;
  /** Absolute. */
  readonly paths: readonly string[];
  readonly isMainThread: boolean;
  /** Which of them, from 1. */
  readonly at: number;
}

/** Installs strace where it is missing; false where it cannot be, or may not trace. */
export function hasStrace(): boolean {
  const works = () => spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
  if (works()) return true;
  try {
    execFileSync('apt-get', ['install', '-y', '-q', 'strace'], { stdio: 'ignore' });
  } catch {
    // It has to be there then.
  }
  if (works()) return true;
  process.stderr.write('strace is missing or may not trace: tests at single system calls are left out\n');
  return false;
}

/** Prefix of a command whose writing calls are noted in a file. The process keeps its id. One thread does all the file work but a little. */
export function noting(file: string): readonly string[] {
  return ['strace', '-D', '-f', '--seccomp-bpf', '-yy', '-s', '200', '-o', file, '-e', `trace=${WRITING}`];
}

/** Prefix of a command to which something happens at a point: `signal=SIGKILL`, or `error=EIO`; `when` as strace writes it. */
export function injecting(
  { call, paths, isMainThread, at }: Point,
  what: string,
  when = `${at}`,
): readonly string[] {
  return [
    ...['strace', '-D', ...(isMainThread ? [] : ['-f']), '-o', '/dev/null'],
    ...paths.flatMap((path) => ['-P', path]),
    ...['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${when}`],
  ];
}

/** One thread for files, so that counters of threads are counters of the process. */
export const ONE_THREAD = { UV_THREADPOOL_SIZE: '1', NODE_DISABLE_COMPILE_CACHE: '1' };

/** Every writing call of process `pid` on files below a folder that was noted. `groupOf` says by its path which others it is counted with. */
export function pointsOf(
  file: string,
  pid: number,
  folder: string,
  groupOf: (path: string) => string,
): Point[] {
  const groups = new Map<
    string,
    { call: string; isMainThread: boolean; paths: Set<string>; threads: Map<string, number> }
  >();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, thread, call, rest] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    if (thread === undefined || call === undefined || rest === undefined) continue;
    const open = /^\d+<([^>]*)>/.exec(rest)?.[1];
    const named =
      open === undefined ? [...rest.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '') : [open];
    const path = named.find((some) => some.startsWith(`${folder}/`));
    if (path === undefined) continue;
    const isMainThread = Number(thread) === pid;
    const key = `${groupOf(path.slice(folder.length + 1))} ${call} ${isMainThread}`;
    const group = groups.get(key) ?? { call, isMainThread, paths: new Set(), threads: new Map() };
    groups.set(key, group);
    group.paths.add(path);
    group.threads.set(thread, (group.threads.get(thread) ?? 0) + 1);
  }
  return [...groups.values()].flatMap(({ call, isMainThread, paths, threads }) =>
    Array.from({ length: Math.max(...threads.values()) }, (_, i) => ({
      ...{ call, isMainThread, at: i + 1 },
      paths: [...paths],
    })),
  );
}
