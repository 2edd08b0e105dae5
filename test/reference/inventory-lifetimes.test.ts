import { describe, expect, it } from 'vitest';
import type { InventoryEntry } from '../../src/contracts.ts';
import { createInventory, type InventoryPart } from '../../src/reference/inventory/inventory.ts';
import { lookedAgain } from '../../src/reference/inventory/lifetimes.ts';
import { atOnce } from '../../src/reference/inventory/slices.ts';

const T = 1_767_571_200;

function eni(name: string, address: string, more: Partial<InventoryEntry> = {}): InventoryEntry {
  return { id: name, interface: name, addresses: [address], tags: {}, from: 0, ...more };
}

function looks(...seen: readonly (readonly [at: number, found: readonly InventoryEntry[]])[]): InventoryPart {
  let part: InventoryPart | undefined;
  for (const [at, found] of seen) part = atOnce(lookedAgain('ec2', part, found, at));
  if (part === undefined) throw new Error('no look');
  return part;
}

describe('another look at a source', () => {
  it('takes what it sees first as having been there since it was attached, else since ever', () => {
    const part = looks([T, [eni('b', '10.0.0.2', { from: T - 500 }), eni('a', '10.0.0.1')]]);
    expect(part.entries.map(({ id, from, to }) => [id, from, to])).toEqual([
      ['a', 0, undefined],
      ['b', T - 500, undefined],
    ]);
  });

  it('ends what is gone, and begins what is new after the look before', () => {
    const part = looks(
      [T, [eni('a', '10.0.0.1')]],
      [T + 300, [eni('b', '10.0.0.2'), eni('c', '10.0.0.3', { from: T + 200 })]],
    );
    expect(part.entries.map(({ id, from, to }) => [id, from, to])).toEqual([
      ['a', 0, T + 300],
      ['b', T, undefined],
      ['c', T + 200, undefined],
    ]);
  });

  it('gives an address that was used again to whoever had it then', () => {
    const inventory = createInventory([
      looks([T, [eni('a', '10.0.0.1')]], [T + 300, [eni('b', '10.0.0.1', { from: T + 200 })]]),
    ]);
    const owner = (time: number) => inventory.find('10.0.0.1', time)?.id;
    expect([T + 199, T + 200, T + 301].map(owner)).toEqual(['a', 'b', 'b']);
  });

  it('keeps what an interface was before it changed', () => {
    const part = looks(
      [T, [eni('a', '10.0.0.1', { role: 'web' })]],
      [T + 300, [eni('a', '10.0.0.1', { role: 'db' })]],
    );
    expect(part.entries.map(({ role, from, to }) => [role, from, to])).toEqual([
      ['web', 0, T + 300],
      ['db', T + 300, undefined],
    ]);
  });

  it('takes an interface that moved to another instance as another from then on', () => {
    const part = looks(
      [T, [eni('a', '10.0.0.1', { id: 'i-1', from: T - 50 })]],
      [T + 300, [eni('a', '10.0.0.1', { id: 'i-2', from: T + 100 })]],
    );
    expect(part.entries.map(({ id, from, to }) => [id, from, to])).toEqual([
      ['i-1', T - 50, T + 100],
      ['i-2', T + 100, undefined],
    ]);
  });

  it('gives the very same list when nothing has changed', () => {
    const first = looks([T, [eni('b', '10.0.0.2'), eni('a', '10.0.0.1')]], [T + 1, [eni('a', '10.0.0.1')]]);
    const again = atOnce(lookedAgain('ec2', first, [eni('a', '10.0.0.1')], T + 300));
    expect(again.entries).toBe(first.entries);
    expect(again.at).toBe(T + 300);
  });

  it('forgets what ended a month ago, and the oldest of very many', () => {
    const found = Array.from({ length: 100_010 }, (_, i) => eni(`eni-${i}`, '10.0.0.1', { from: 1 }));
    const part = looks([T, found], [T + 300, []]);
    expect(part.entries).toHaveLength(100_000);
    expect(atOnce(lookedAgain('ec2', part, [], T + 300 + 30 * 86_400)).entries).toEqual([]);
  });
});
