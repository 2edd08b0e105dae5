import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lastOf, ROOT as repository, type Stage } from '../../deploy/dockerfile.ts';

/** What the Dockerfile makes, laid out as a root folder that borrows the machine's own libraries. */
export interface Image {
  readonly root: string;
  readonly user: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

/** Does what the stages say, without an engine: files are copied where COPY says, the build's RUN lines run in its folder. */
export function buildImage(stages: readonly Stage[], work: string): Image {
  const [build, final] = stages;
  if (build === undefined || final === undefined || stages.length !== 2)
    throw new Error('the Dockerfile has other stages than a build and an image');
  const node = dirname(process.execPath);
  const buildFolder = join(work, 'build');
  mkdirSync(buildFolder, { recursive: true });
  for (const { name, text } of build.instructions) {
    if (name === 'COPY') copy(text, repository, buildFolder);
    else if (name === 'RUN') {
      const { status, stderr } = spawnSync('sh', ['-ec', text], {
        cwd: buildFolder,
        encoding: 'utf8',
        env: { ...process.env, PATH: `${node}:${process.env.PATH}` },
      });
      if (status !== 0) throw new Error(`RUN ${text}: ${stderr}`);
    } else if (name !== 'WORKDIR') throw new Error(`cannot do ${name}`);
  }
  const root = join(work, 'root');
  for (const folder of [
    'bin',
    'dev',
    'etc/flowsentry',
    'lib',
    'lib64',
    'proc',
    'tmp',
    'usr',
    'var/lib/flowsentry',
  ])
    mkdirSync(join(root, folder), { recursive: true });
  const folder = join(root, lastOf(final, 'WORKDIR') ?? '/');
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of final.instructions) {
    if (name !== 'COPY') continue;
    const from = `--from=${build.name} /build/`;
    if (text.startsWith(from)) copy(text.slice(from.length), buildFolder, folder);
    else copy(text, repository, folder);
  }
  // The base image's: the same program under its own path.
  mkdirSync(join(root, 'opt/node'), { recursive: true });
  copyFileSync(process.execPath, join(root, 'opt/node/node'));
  chmodSync(join(root, 'opt/node/node'), 0o755);
  const user = Number(lastOf(final, 'USER')?.split(':')[0]);
  chownSync(join(root, 'var/lib/flowsentry'), user, user);
  return {
    root,
    user,
    environment: Object.fromEntries(
      (lastOf(final, 'ENV') ?? '').split(/\s+/).map((pair) => pair.split('=') as [string, string]),
    ),
    entrypoint: JSON.parse(lastOf(final, 'ENTRYPOINT') ?? '[]'),
    command: JSON.parse(lastOf(final, 'CMD') ?? '[]'),
  };
}

/** Paths of the context that .dockerignore lets in. */
function allowed(): Set<string> {
  const lines = readFileSync(join(repository, '.dockerignore'), 'utf8').split('\n');
  return new Set(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
}

function copy(text: string, from: string, to: string): void {
  const paths = text.split(/\s+/);
  const target = paths.pop() ?? '';
  const inContext = from === repository ? allowed() : undefined;
  for (const path of paths) {
    if (inContext !== undefined && !inContext.has(path)) throw new Error(`.dockerignore keeps out ${path}`);
    cpSync(join(from, path), join(to, target === './' ? path : target), {
      recursive: true,
      dereference: from === repository,
      filter: (source) => inContext === undefined || !source.endsWith('.test.ts'),
    });
  }
}

/**
 * Runs as an orchestrator would: process 1 of its own namespaces, no network but loopback, the numeric user, no capabilities, nothing that
 * can give more, and a root where only /tmp and /var/lib/flowsentry can be written. With `wrapper` before it, such as strace.
 */
export function runImage(image: Image, args: readonly string[] = []): SpawnSyncReturns<string> {
  const { root, user, environment } = image;
  const script = join(root, '..', 'run.sh');
  writeFileSync(
    script,
    `set -e
root=$1; user=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
for folder in bin lib lib64 usr; do mount --rbind "/$folder" "$root/$folder"; mount -o remount,bind,ro "$root/$folder"; done
mount --bind "$root/var/lib/flowsentry" "$root/var/lib/flowsentry"
mount -t tmpfs -o nosuid,nodev,noexec,size=64m tmpfs "$root/tmp"; chmod 1777 "$root/tmp"
mount -t tmpfs -o nosuid tmpfs "$root/dev"; for name in null zero random urandom; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$user" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
`,
  );
  return spawnSync(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--net',
      '--ipc',
      '--',
      'sh',
      script,
      root,
      String(user),
      ...image.entrypoint,
      ...args,
    ],
    {
      encoding: 'utf8',
      env: { PATH: '/opt/node:/usr/sbin:/usr/bin:/sbin:/bin', ...environment },
      timeout: 120_000,
    },
  );
}
