import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectors } from '../detectors/index.ts';
import { parametersOf } from '../src/cli/detector-parameters.ts';
import { configSchema } from '../src/config-schema.ts';
import { FIELD_BY_NAME } from '../src/parse/fields.ts';

const root = join(import.meta.dirname, '..');
const samples = join(root, 'sample-logs');
const HEADINGS = ['What it sees', 'Configuration', 'When it is wrong', 'Example'];

describe('the registry of detectors', () => {
  it('lists every folder, sorted', () => {
    const folders = readdirSync(join(root, 'detectors'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
    expect(detectors.map((detector) => detector.id)).toEqual(folders);
  });

  it('is what the configuration knows', () => {
    const { properties } = configSchema() as {
      properties: { detectors: { properties: Record<string, { properties: Record<string, unknown> }> } };
    };
    const known = properties.detectors.properties;
    expect(Object.keys(known)).toEqual(detectors.map((detector) => detector.id));
    for (const options of Object.values(known)) expect(options.properties).toHaveProperty('mode');
  });

  describe.each(detectors.map((module) => ({ id: module.id, module })))('$id', ({ id, module }) => {
    const readme = readFileSync(join(root, 'detectors', id, 'README.md'), 'utf8');

    it('has a page with its name and the four headings in order', () => {
      const headings = [...readme.matchAll(/^(#{1,2}) (.+)$/gm)].map((match) => match[2]);
      expect(headings).toEqual([id, ...HEADINGS]);
    });

    it('documents every parameter', () => {
      const configuration = readme.slice(
        readme.indexOf('## Configuration'),
        readme.indexOf('## When it is wrong'),
      );
      const missing = parametersOf(module)
        .map(({ name }) => name)
        .filter((name) => !name.split('.').every((part) => configuration.includes(part)));
      expect(missing).toEqual([]);
    });

    it('describes every parameter and gives it a default', () => {
      for (const { name, default: value, description } of parametersOf(module)) {
        expect(value, name).toBeDefined();
        expect(description, name).not.toBe('');
      }
    });

    it('says in words why its alerts matter and what to check', () => {
      const { name, meaning, check } = module.guide;
      expect(name).toMatch(/^[A-Z].{2,39}$/);
      expect(meaning).toMatch(/^[A-Z].{20,250}\.$/);
      // Follows a heading of its own, and may follow `Check `.
      expect(check).toMatch(/^[a-z].{20,250}\.$/);
    });

    it('names ATT&CK techniques and real fields', () => {
      expect(module.attack.length).toBeGreaterThan(0);
      for (const technique of module.attack) expect(technique).toMatch(/^T\d{4}(?:\.\d{3})?$/);
      const fields = [...module.fields.required, ...module.fields.helpful.map(({ field }) => field)];
      expect(fields.filter((field) => !FIELD_BY_NAME.has(field))).toEqual([]);
    });

    it('has a sample on which it fires', () => {
      const logs = readdirSync(samples).filter(
        (file) => file.startsWith(`${id}-`) && file.endsWith('.log') && file !== `${id}-quiet.log`,
      );
      expect(logs.length).toBeGreaterThan(0);
      for (const log of logs) expect(firedIn(log), log).toContain(id);
    });

    it('has a sample on which it is quiet', () => {
      expect(existsSync(join(samples, `${id}-quiet.log`))).toBe(true);
      expect(firedIn(`${id}-quiet.log`)).not.toContain(id);
    });
  });
});

/** Detectors of the alerts that are expected of a sample; test/golden.test.ts holds that they are what comes out. */
function firedIn(log: string): string[] {
  return readFileSync(join(samples, log.replace(/\.log$/, '.alerts.jsonl')), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { detector: string }).detector);
}
