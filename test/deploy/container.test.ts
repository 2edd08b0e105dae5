import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lastOf, ROOT, readDockerfile } from './dockerfile.ts';
import { readOne, readText } from './files.ts';

const stages = readDockerfile();
const [build, image] = stages;
if (build === undefined || image === undefined) throw new Error('no stages');

/** A tag with a version in it: what is pulled tomorrow is what was pulled today. */
const PINNED = /^[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?$/;

describe('Dockerfile', () => {
  it('starts from images with versions, on glibc', () => {
    for (const { base } of stages) {
      expect(base).toMatch(PINNED);
      expect(base).not.toContain('alpine');
    }
  });

  it('installs exactly what the lock file names, without any package script', () => {
    const installs = stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ name }) => name === 'RUN')
        .flatMap(({ text }) => text.match(/\bnpm (?:ci|install|add)\b[^&]*/g) ?? []),
    );
    expect(installs.length).toBe(2);
    for (const install of installs) expect(install).toMatch(/^npm ci .*--ignore-scripts/);
    expect(installs.at(-1)).toContain('--omit=dev');
  });

  it('runs as a numeric user that is not root, directly', () => {
    const user = lastOf(image, 'USER') ?? '';
    expect(user).toMatch(/^\d+:\d+$/);
    expect(Number(user.split(':')[0])).toBeGreaterThan(999);
    expect(JSON.parse(lastOf(image, 'ENTRYPOINT') ?? '')).toEqual([
      'node',
      '/opt/flowsentry/bin/flowsentry.cjs',
    ]);
    expect(JSON.parse(lastOf(image, 'CMD') ?? '')[0]).toBe('run');
  });

  it('sets the thread pool before the process starts', () => {
    expect(lastOf(image, 'ENV')).toMatch(/\bUV_THREADPOOL_SIZE=\d+/);
  });

  it('keeps data below the volume, not at its root', () => {
    expect(JSON.parse(lastOf(image, 'CMD') ?? '')).toContain(`${lastOf(image, 'VOLUME')}/data`);
  });

  it('copies only what is there and what .dockerignore lets in', () => {
    const allowed = readText('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from='))
        .flatMap(({ text }) => text.split(/\s+/).slice(0, -1)),
    );
    expect([...new Set(copied)].sort()).toEqual(allowed.sort());
    for (const path of copied) expect(existsSync(join(ROOT, path)), path).toBe(true);
  });

  it('has the Node that package.json asks for', () => {
    const { engines } = readOne('package.json');
    const [major = 0, minor = 0] = /node:(\d+)\.(\d+)/.exec(image.base)?.slice(1).map(Number) ?? [];
    const [least = 0, leastMinor = 0] = engines.node.match(/\d+/g).map(Number);
    expect(major > least || (major === least && minor >= leastMinor)).toBe(true);
  });
});

describe('docker-compose.yml', () => {
  const compose = readOne('docker-compose.yml');
  const services: [string, Record<string, never>][] = Object.entries(compose.services);

  it.each(services)('%s is confined', (_, service) => {
    expect(service).toMatchObject({
      image: expect.stringMatching(PINNED),
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      pids_limit: expect.any(Number),
    });
    expect(service).not.toHaveProperty('privileged');
    for (const key of ['pid', 'ipc', 'devices', 'network_mode'] as const)
      expect(service[key] ?? 'none', key).toBe('none');
  });

  it('runs nobody as root but the containers that give files to their users, which have no network', () => {
    const root = services.filter(([, service]) => String(service.user ?? '0').startsWith('0'));
    expect(root.map(([name]) => name)).toEqual(['certificates', 'ownership']);
    for (const [, service] of root)
      expect(service).toMatchObject({ network_mode: 'none', cap_add: ['CHOWN'] });
    for (const [name, service] of services)
      if (service.cap_add !== undefined) expect(root.map(([one]) => one)).toContain(name);
  });

  it.each(services.filter(([, { restart }]) => restart !== undefined))(
    '%s says whether it is well, and has a memory limit',
    (_, service) => {
      expect(service).toHaveProperty('healthcheck.test');
      expect(service).toHaveProperty('mem_limit');
    },
  );

  it('has a /tmp for what queries put aside, and memory for it', () => {
    const [, size = ''] = /\bsize=(\d+)m\b/.exec(compose.services.flowsentry.tmpfs[0]) ?? [];
    expect(Number(size)).toBeGreaterThanOrEqual(512);
    expect(Number.parseInt(compose.services.flowsentry.mem_limit, 10)).toBeGreaterThanOrEqual(
      3072 + Number(size),
    );
  });

  it('is reached from this machine alone', () => {
    const ports = services.flatMap(([, { ports }]) => ports ?? []);
    expect(ports).toEqual(['127.0.0.1:3000:3000']);
    expect(compose.networks).toMatchObject({ records: { internal: true }, monitoring: { internal: true } });
  });

  it('gives each certificate to one service, and the key of the CA to none that stays', () => {
    const users = (volume: string) =>
      services
        .filter(([, { volumes }]) =>
          ((volumes ?? []) as string[]).some((mount) => mount.startsWith(`${volume}:`)),
        )
        .map(([name]) => name);
    expect(users('authority')).toEqual(['certificates']);
    for (const name of ['flowsentry', 'prometheus', 'alertmanager', 'grafana', 'producer'])
      expect(users(`${name}-certificates`)).toEqual(['certificates', name]);
    for (const [name, { volumes }] of services)
      for (const mount of (volumes ?? []) as string[])
        if (mount.includes('certificates:') && name !== 'certificates') expect(mount).toMatch(/:ro$/);
  });

  it('mounts files that are there', () => {
    const mounts = services.flatMap(([, { volumes }]) => (volumes ?? []) as string[]);
    const files = mounts.filter((mount) => mount.startsWith('./')).map((mount) => mount.split(':')[0] ?? '');
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(existsSync(join(ROOT, file)), file).toBe(true);
  });

  it('has no password in it', () => {
    const text = readText('docker-compose.yml');
    for (const [, name, value] of text.matchAll(/(\w*(?:PASSWORD|SECRET|TOKEN)\w*):\s*(\S+)/g))
      expect(value, name).toMatch(/^\/certificates\//);
  });
});
