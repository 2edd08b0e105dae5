import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { deployFiles, readDocuments, readText } from './files.ts';

/** Configurations of the service itself. */
const CONFIGURATIONS = ['deploy/compose/flowsentry.yaml', 'deploy/kubernetes/flowsentry-config.yaml'];

describe('shipped configurations', () => {
  it.each(CONFIGURATIONS)('%s is one that the service takes', (path) => {
    expect(() => parseConfig(readText(path), path)).not.toThrow();
  });
});

describe('files to deploy with', async () => {
  const files = await deployFiles();

  it.each(files.filter((file) => /\.(ya?ml|json)$/.test(file)))('%s is well-formed', (file) => {
    expect(readDocuments(file).length).toBeGreaterThan(0);
  });

  it.each(files)('%s names no image or package by "latest"', (file) => {
    expect(readText(file)).not.toMatch(/:latest\b|@latest\b/);
  });
});
