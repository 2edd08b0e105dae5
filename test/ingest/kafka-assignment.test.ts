import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { share, type TopicPartition } from '../../src/ingest/kafka/assignment.ts';

const partitionsOf = (count: number): TopicPartition[] =>
  Array.from({ length: count }, (_, partition) => ({ topic: 'flows', partition }));
const member = (memberId: string, generation = -1, partitions: readonly number[] = []) => ({
  memberId,
  owned: { generation, partitions: partitions.map((partition) => `flows/${partition}`) },
});
const numbers = (shares: ReturnType<typeof share>) =>
  Object.fromEntries([...shares].map(([id, mine]) => [id, mine.map(({ partition }) => partition).sort()]));

describe('how partitions are shared out', () => {
  it('gives each to one member, and to none more than one above another', () => {
    const applicant = fc.record({
      generation: fc.integer({ min: -1, max: 5 }),
      partitions: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(
        fc.array(applicant, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 40 }),
        (all, count) => {
          const shares = share(
            all.map(({ generation, partitions }, i) => member(`m${i}`, generation, partitions)),
            partitionsOf(count),
          );
          const sizes = [...shares.values()].map(({ length }) => length);
          expect(sizes.length).toBe(all.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          const given = [...shares.values()].flat().map(({ partition }) => partition);
          expect(given.sort((a, b) => a - b)).toEqual(partitionsOf(count).map(({ partition }) => partition));
        },
      ),
    );
  });

  it('leaves those where they are that need not move when a member comes', () => {
    const before = [member('a', 3, [0, 1, 2]), member('b', 3, [3, 4, 5]), member('c')];
    expect(numbers(share(before, partitionsOf(6)))).toEqual({ a: [0, 1], b: [3, 4], c: [2, 5] });
  });

  it('moves only those of a member that went', () => {
    const left = [member('a', 7, [0, 1]), member('b', 7, [4, 5])];
    expect(numbers(share(left, partitionsOf(6)))).toEqual({ a: [0, 1, 2], b: [3, 4, 5] });
  });

  it('believes the later generation where two say that they have one', () => {
    const both = [member('a', 2, [0, 1]), member('b', 5, [0, 1])];
    expect(numbers(share(both, partitionsOf(4)))).toEqual({ a: [2, 3], b: [0, 1] });
  });
});
