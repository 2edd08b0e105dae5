import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Kept from run to run, outside the checkout. */
const CACHE = join(tmpdir(), 'flowsentry-rigs');

/** Runs to its end and gives what it printed; throws with it when it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** Makes a folder of the cache once: what an interrupted run left half done is never taken. */
export function cached(name: string, make: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  make(fresh);
  renameSync(fresh, folder);
  return folder;
}

/** Python's checkers, in an environment of their own. */
export function pythonTool(name: 'cfn-lint' | 'kubernetes-validate', version: string): string {
  return join(pythonEnvironment(`${name}-${version}`, [`${name}==${version}`]), 'bin', name);
}

/** An environment of Python with some packages; gives its folder. */
export function pythonEnvironment(name: string, packages: readonly string[]): string {
  // Not through cached(): an environment's programs know the folder they were made in.
  const folder = join(CACHE, name);
  if (!existsSync(join(folder, 'complete'))) {
    rmSync(folder, { recursive: true, force: true });
    run('python3', ['-m', 'venv', folder]);
    run(join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages]);
    mkdirSync(join(folder, 'complete'));
  }
  return folder;
}

/** Prometheus' own checker, out of Debian's package; the server in it is not installed. */
export function promtool(): string {
  const folder = cached('promtool', (made) => {
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['download', '-qq', 'prometheus'], { cwd: made });
    run('sh', ['-c', 'dpkg -x prometheus_*.deb . && rm prometheus_*.deb'], { cwd: made });
  });
  return join(folder, 'usr/bin/promtool');
}

/** Compose's own reader of its files. */
export function composeReader(): string {
  const folder = cached('compose-go-2.9.1', (made) => {
    run('go', ['install', 'github.com/compose-spec/compose-go/v2/cmd@v2.9.1'], {
      env: { ...process.env, GOBIN: made },
    });
  });
  return join(folder, 'cmd');
}
