import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SinkOptions } from '../../../src/send/sinks/index.ts';

const HERE = import.meta.dirname;
/** Those with a real other side are in the integration tests. */
const suites = [HERE, join(HERE, '../../integration')]
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('every-sink.test.ts'))
  .map((file) => readFileSync(file, 'utf8'))
  .filter((text) => /\bitIsAn?\w*Sink\b|\bHOSTILE\b/.test(text));

describe('every sink', () => {
  it.each(SinkOptions.options.map(({ shape }) => [...shape.type.values][0] as string))(
    'is shown all hostile texts: %s',
    (type) => {
      // Standard output has the lines of a file.
      const name = type === 'stdout' ? 'file' : type;
      expect(
        suites.some((text) => new RegExp(`\\btype: ["'\`]${name}\\b|["'\`]${name}["'\`]`).test(text)),
      ).toBe(true);
    },
  );
});
