import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createPacker } from '../../src/forward/messages.ts';

const bytes = (text: string) => Buffer.from(text);

describe('messages that are forwarded', () => {
  it('hold the lines of one interface and format in their order, after the names of the fields', () => {
    const packer = createPacker(100_000);
    for (const [key, header, text] of [
      ['a', 'h1', '1'],
      ['b', 'h1', '2'],
      ['a', 'h1', '3'],
      ['a', 'h2', '4'],
      ['b', undefined, '{}'],
      [undefined, 'h1', '5'],
    ] as const)
      packer.add({ key, header, bytes: bytes(text) });
    expect(packer.waiting).toBe(7);
    const [batch = [], ...more] = packer.take();
    expect(more).toEqual([]);
    expect(batch.map(({ key, value }) => [key, value.toString()])).toEqual([
      ['b', '{}'],
      ['a', 'h1\n1\n3\n'],
      ['b', 'h1\n2\n'],
      ['a', 'h2\n4\n'],
      [null, 'h1\n5\n'],
    ]);
    expect(packer.waiting).toBe(0);
    expect(packer.take()).toEqual([]);
  });

  it('stay below the largest size, and so do batches', () => {
    const packer = createPacker(16_384);
    for (let i = 0; i < 3000; i++)
      packer.add({ key: `${i % 7}`, header: 'names', bytes: bytes(`line ${i}`) });
    const document = `{"a":"${'x'.repeat(40_000)}"}`;
    packer.add({ key: 'd', header: undefined, bytes: bytes(document) });
    const batches = packer.take();
    expect(batches.length).toBeGreaterThan(1);
    for (const batch of batches)
      expect(batch.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThanOrEqual(16_384);
    const all = batches.flat();
    const large = all.find(({ key }) => key === 'd');
    expect(gunzipSync(large?.value ?? '').toString()).toBe(document);
    const lines = all.filter(({ key }) => key === '3').flatMap(({ value }) => value.toString().split('\n'));
    const expected = Array.from({ length: 3000 }, (_, i) => i).filter((i) => i % 7 === 3);
    expect(lines.filter((line) => line.startsWith('line'))).toEqual(expected.map((i) => `line ${i}`));
  });

  it('are refused when no broker would take them', () => {
    const packer = createPacker(16_384);
    let text = '';
    for (let i = 0; text.length < 200_000; i++) text += Math.imul(i, 2654435761).toString(36);
    packer.add({ key: undefined, header: undefined, bytes: bytes(text) });
    expect(() => packer.take()).toThrow(/raise forward.maxMessageBytes/);
  });
});
