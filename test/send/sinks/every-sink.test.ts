import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SinkOptions } from '../../../src/send/sinks/index.ts';

/** The two that write lines share a file. */
const TESTED_WITH: Readonly<Record<string, string>> = { stdout: 'file' };

describe('every sink', () => {
  it.each(SinkOptions.options.map(({ shape }) => [...shape.type.values][0] as string))(
    'is shown all hostile texts: %s',
    (type) => {
      const text = readFileSync(join(import.meta.dirname, `${TESTED_WITH[type] ?? type}.test.ts`), 'utf8');
      expect(text).toMatch(/\bitIsAn?\w*Sink\b|\bHOSTILE\b/);
    },
  );
});
