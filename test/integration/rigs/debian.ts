import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Packages of Debian, and what of theirs is missing here, in a folder that later runs find: nothing is installed, and no daemon starts. */
export function unpackDebian(...names: string[]): string {
  const folder = join(tmpdir(), 'flowsentry-rigs', `debian-${names.join('-')}`);
  const done = join(folder, 'done');
  if (existsSync(done)) return join(folder, 'root');
  const archives = join(folder, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const how = ['install', '-y', '-q', '--no-install-recommends', '--download-only', '--reinstall'];
  execFileSync('apt-get', [...how, '-o', `Dir::Cache::archives=${archives}`, ...names], { stdio: 'ignore' });
  for (const file of readdirSync(archives))
    if (file.endsWith('.deb')) execFileSync('dpkg', ['-x', join(archives, file), join(folder, 'root')]);
  writeFileSync(done, '');
  return join(folder, 'root');
}

/** Where the libraries of unpacked packages are. */
export function librariesIn(root: string): string {
  const base = join(root, 'usr', 'lib');
  const found = existsSync(base) ? readdirSync(base).filter((name) => name.endsWith('-linux-gnu')) : [];
  return found.map((name) => join(base, name)).join(':');
}
