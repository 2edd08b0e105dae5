import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDockerfile } from '../deploy/dockerfile.ts';
import { buildImage, type Image, runImage } from './rigs/image.ts';

const work = mkdtempSync(join(tmpdir(), 'flowsentry-image-'));
let image: Image;

beforeAll(() => {
  image = buildImage(readDockerfile(), work);
});

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

describe('image', () => {
  it('says its version as process 1 of an unknown user without capabilities', () => {
    const { stdout, stderr, status } = runImage(image, ['--version']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('replays the samples with a read-only root, and answers queries on them', () => {
    const replayed = runImage(image, [
      'replay',
      '/opt/flowsentry/sample-logs',
      '--config',
      '/opt/flowsentry/sample-logs/flowsentry.yaml',
      '--data',
      '/var/lib/flowsentry/data',
      '--json',
    ]);
    expect(replayed.status, replayed.stderr).toBe(0);
    const summary = JSON.parse(replayed.stdout.trim().split('\n').at(-1) ?? '');
    const asked = runImage(image, [
      'query',
      '--data',
      '/var/lib/flowsentry/data',
      '--json',
      'SELECT count(*) AS n FROM flows',
    ]);
    expect(asked.status, asked.stderr).toBe(0);
    expect(summary.received).toBeGreaterThan(3000);
    expect(JSON.parse(asked.stdout)).toEqual([{ n: String(summary.stored) }]);
  });

  it('writes nowhere but below its volume, readable by itself alone', () => {
    const outside = runImage(image, [
      'replay',
      '/opt/flowsentry/sample-logs',
      '--data',
      '/opt/flowsentry/data',
    ]);
    expect(outside.status).not.toBe(0);
    expect(outside.stderr).toContain('cannot use data folder /opt/flowsentry/data');
    const data = join(image.root, 'var/lib/flowsentry');
    expect(readdirSync(data)).toEqual(['data']);
    expect(statSync(join(data, 'data')).uid).toBe(image.user);
  });

  it('refuses a wrong configuration with the exit code that tells not to try again', () => {
    writeFileSync(join(image.root, 'etc/flowsentry/flowsentry.yaml'), 'sources: [{type: nonsense}]\n');
    const { status, stderr } = runImage(image, image.command);
    expect(status).toBe(2);
    expect(stderr).toContain('sources');
  });

  it('has no compiler, test or install tool', () => {
    const packages = readdirSync(join(image.root, 'opt/flowsentry/node_modules'));
    for (const name of ['typescript', 'vitest', '@biomejs', 'node', 'knip'])
      expect(packages).not.toContain(name);
    expect(readdirSync(join(image.root, 'opt/flowsentry')).sort()).toEqual([
      'LICENSE',
      'bin',
      'dist',
      'node_modules',
      'package.json',
      'sample-logs',
    ]);
  });
});
