import { describe, expect, it } from 'vitest';
import type { Part } from '../src/contracts.ts';
import { createUncovered } from '../src/uncovered.ts';

function part(partition: string, next: number | undefined, more: Partial<Part> = {}): Part {
  return {
    partition,
    lane: 'a:x',
    position: next === undefined ? undefined : { next, done: false },
    batch: undefined,
    rejects: [],
    received: 0,
    skipped: 0,
    answers: [],
    filtered: 0,
    readBytes: 0,
    known: false,
    ids: [],
    idsFrom: undefined,
    availableAt: undefined,
    release() {},
    ...more,
  };
}

const covering = (partition: string, from: number, next: number, done = false) => ({
  partition,
  from,
  next,
  done,
  floor: next,
});

describe('what the next checkpoint covers', () => {
  it('is nothing at first, inside a delivery, and of records that are durable elsewhere', () => {
    const uncovered = createUncovered(() => 0);
    uncovered.add(part('a:1', undefined));
    uncovered.add(part('a:1', 9, { known: true }));
    expect(uncovered.isEmpty).toBe(true);
  });

  it('begins where the checkpoint before ended, by source and partition', () => {
    const uncovered = createUncovered((partition) => (partition === 'a:t/1' ? 5 : 0));
    uncovered.add(part('a:t/1', 7));
    uncovered.add(part('a:t/1', 9));
    uncovered.add(part('b:x:y', 3, { position: { next: 3, done: true } }));
    expect(uncovered.take().covered).toEqual(
      new Map([
        ['a', [covering('t/1', 5, 9)]],
        ['b', [covering('x:y', 0, 3, true)]],
      ]),
    );
    expect(uncovered.isEmpty).toBe(true);
    uncovered.add(part('a:t/1', 12));
    expect(uncovered.take().covered).toEqual(new Map([['a', [covering('t/1', 9, 12)]]]));
  });

  it('holds the ids that came, the newest bound, and what is to be forgotten', () => {
    const uncovered = createUncovered(() => 0);
    uncovered.add(part('a:1', 1, { ids: ['1-x'], idsFrom: '0' }));
    uncovered.add(part('a:1', 2, { ids: ['2-x'], idsFrom: '1' }));
    uncovered.add(part('a:1', 3, { ids: ['3-x'] }));
    uncovered.forget(['a:0']);
    expect(uncovered.take().memory).toEqual({
      ids: new Map([['a:1', { added: ['1-x', '2-x', '3-x'], from: '1' }]]),
      forget: ['a:0'],
    });
    expect(uncovered.take().memory).toEqual({ ids: new Map(), forget: [] });
  });
});
