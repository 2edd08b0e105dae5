import { describe, expect, it } from 'vitest';
import { formatClaims, parseClaims, SINCE } from '../../src/ingest/kafka/claims.ts';

describe('what a commit carries beside the offset', () => {
  it('names who bound it last, and still who did before', () => {
    const first = formatClaims('a', 7, parseClaims(null));
    const second = formatClaims('b', 3, parseClaims(first));
    const third = formatClaims('b', 4, parseClaims(second));
    expect([...parseClaims(third)]).toEqual([
      ['b', 4],
      ['a', 7],
    ]);
  });

  it('says on and on since when the group reads the topic', () => {
    let metadata = formatClaims('a', 1, new Map([[SINCE, 5000]]));
    for (let i = 0; i < 30; i++) metadata = formatClaims(`b${i % 25}`, i, parseClaims(metadata));
    expect(parseClaims(metadata).get(SINCE)).toBe(5000);
    expect([...parseClaims(metadata).keys()][0]).toBe('b4');
  });

  it('says nothing where somebody else wrote it', () => {
    expect([...parseClaims('another tool')]).toEqual([]);
    expect([...parseClaims('')]).toEqual([]);
  });

  it('stays small enough for a broker, whoever came before', () => {
    let metadata = '';
    for (let i = 0; i < 100; i++)
      metadata = formatClaims(
        `01234567-89ab-cdef-0123-${String(i).padStart(12, '0')}`,
        10 ** 9 + i,
        parseClaims(metadata),
      );
    // Brokers take 4,096 bytes unless told otherwise.
    expect(metadata.length).toBeLessThan(2000);
    expect(parseClaims(metadata).size).toBe(21);
  });
});
