import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NameAnswer } from '../../src/contracts.ts';
import { createAskedNames } from '../../src/reference/asked-names.ts';

const T = 1_767_571_200;
const HOUR = 3600;

function answer(name: string, at: number, more: Partial<NameAnswer> = {}): NameAnswer {
  return { client: '10.0.0.5', address: '203.0.113.9', name, at, ...more };
}

describe('names that were asked for', () => {
  it('are those of the client and the address, the last one first', () => {
    const names = createAskedNames();
    names.add([
      answer('b.example', T + 1),
      answer('a.example', T),
      answer('c.example', T, { client: '10.0.0.6' }),
    ]);
    names.advance(T + 59);
    expect(names.find('10.0.0.5', '203.0.113.9', T + 59)).toEqual(['b.example', 'a.example']);
    expect(names.find('10.0.0.5', '203.0.113.10', T + 59)).toEqual([]);
    expect(names.find('10.0.0.7', '203.0.113.9', T + 59)).toEqual([]);
  });

  it('were asked for before, not after', () => {
    const names = createAskedNames();
    names.add([answer('before.example', T), answer('after.example', T + 100)]);
    names.advance(T + 119);
    expect(names.find('10.0.0.5', '203.0.113.9', T + 99)).toEqual(['before.example']);
  });

  it('wait for their step', () => {
    const names = createAskedNames();
    names.add([answer('a.example', T + 60)]);
    names.advance(T + 59);
    expect(names.size).toBe(0);
    names.advance(T + 119);
    expect(names.size).toBe(1);
  });

  it('are forgotten after half a day without being asked for', () => {
    const names = createAskedNames();
    names.add([answer('a.example', T)]);
    names.advance(T);
    names.advance(T + 6 * HOUR);
    expect(names.find('10.0.0.5', '203.0.113.9', T + 6 * HOUR)).toEqual(['a.example']);
    names.advance(T + 12 * HOUR);
    expect(names.size).toBe(0);
    names.add([answer('a.example', T + 13 * HOUR)]);
    names.advance(T + 13 * HOUR);
    names.advance(T + 40 * HOUR);
    expect(names.size).toBe(0);
  });

  it('are four of a pair at most, and pairs are bounded: what finds no place is counted', () => {
    const names = createAskedNames(undefined, 2);
    names.add(Array.from({ length: 9 }, (_, i) => answer(`n${i}.example`, T + i)));
    names.add([
      answer('x', T + 20, { address: '203.0.113.1' }),
      answer('y', T + 21, { address: '203.0.113.2' }),
      answer('z', T + 10 * HOUR),
    ]);
    names.advance(T + 59);
    expect(names.find('10.0.0.5', '203.0.113.9', T + 59)).toEqual([
      'n8.example',
      'n7.example',
      'n6.example',
      'n5.example',
    ]);
    expect(names.size).toBe(2);
    // The pair without room, and the one whose clock is wrong.
    expect(names.overflow).toBe(2);
  });

  it('are the same in any order, any portions and over restarts', () => {
    const anAnswer = fc.record({
      client: fc.constantFrom('10.0.0.1', '10.0.0.2'),
      address: fc.constantFrom('203.0.113.1', '203.0.113.2', '2001:db8::1'),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      at: fc.nat({ max: 20 }).map((minute) => T + minute * 1800),
    });
    fc.assert(
      fc.property(
        fc.array(anAnswer, { maxLength: 40 }),
        fc.nat(),
        fc.nat({ max: 9 }),
        (answers, seed, cut) => {
          const one = createAskedNames(undefined, 4);
          let other = createAskedNames(undefined, 4);
          const shuffled = answers.toSorted(
            (a, b) =>
              ((a.at * 31 + a.name.charCodeAt(0) * seed) % 17) -
              ((b.at * 31 + b.name.charCodeAt(0) * seed) % 17),
          );
          for (let step = 0; step < 10; step++) {
            const mine = (list: readonly NameAnswer[]) =>
              list.filter(({ at }) => at >= T + step * HOUR && at < T + (step + 1) * HOUR);
            one.add(mine(answers));
            for (const each of mine(shuffled)) other.add([each]);
            if (step === cut) other = createAskedNames(other.snapshot(), 4);
            const now = T + (step + 1) * HOUR - 1;
            one.advance(now);
            other.advance(now);
            expect(other.overflow).toBe(one.overflow);
            for (const client of ['10.0.0.1', '10.0.0.2'])
              for (const address of ['203.0.113.1', '203.0.113.2', '2001:db8::1'])
                expect(other.find(client, address, now)).toEqual(one.find(client, address, now));
          }
        },
      ),
    );
  });
});
