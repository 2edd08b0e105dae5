import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin: Record<string, string>;
  readonly files: readonly string[];
  readonly engines: { readonly node: string };
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

describe('package.json', () => {
  const manifest: Manifest = read('package.json');
  const lock: { packages: Record<string, Partial<Manifest> & { resolved?: string; integrity?: string }> } =
    read('package-lock.json');
  const all = { ...manifest.dependencies, ...manifest.devDependencies };

  it('pins every dependency to one version', () => {
    const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
  });

  it('agrees with its lockfile', () => {
    const own = lock.packages[''];
    expect(own?.version).toBe(manifest.version);
    expect(own?.dependencies).toEqual(manifest.dependencies);
    expect(own?.devDependencies).toEqual(manifest.devDependencies);
    for (const [name, version] of Object.entries(all))
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
  });

  it('locks every package by its hash', () => {
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
    expect(packages.length).toBeGreaterThan(50);
    for (const [path, { resolved, integrity }] of packages) {
      // Left out, it is the registry that npm is configured for.
      expect(resolved ?? 'https://registry.npmjs.org/', path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
      expect(integrity, path).toMatch(/^sha512-/);
    }
  });

  it('ships the program, the samples and the licence, and no sources', () => {
    expect(manifest.bin).toEqual({ flowsentry: 'bin/flowsentry.cjs' });
    expect(manifest.files).toEqual(
      expect.arrayContaining(['bin', 'dist', 'sample-logs', 'LICENSE', 'README.md']),
    );
    expect(manifest.files).not.toContain('src');
    for (const file of manifest.files)
      if (file !== 'dist') expect(existsSync(join(root, file)), file).toBe(true);
  });

  it('needs the Node that the program itself asks for', () => {
    const program = readFileSync(join(root, manifest.bin.flowsentry ?? ''), 'utf8');
    const needed = /needed = \[(\d+), (\d+)\]/.exec(program);
    expect(manifest.engines.node).toBe(`>=${needed?.[1]}.${needed?.[2]}`);
  });

  it('tests with the checks that the documentation promises', () => {
    expect(manifest.scripts.test).toBe('biome ci . && tsc -p . && knip && vitest run');
  });
});
