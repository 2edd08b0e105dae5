import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import type { InventoryEntry } from '../../src/contracts.ts';
import { createInventory, type Inventory } from '../../src/reference/inventory/inventory.ts';

const T = 1_767_571_200;

function entry(id: string, address: string, more: Partial<InventoryEntry> = {}): InventoryEntry {
  return { id, addresses: [address], tags: {}, from: 0, ...more };
}

function holding(...entries: InventoryEntry[]): Inventory {
  return createInventory([{ source: 'test', at: 0, entries }]);
}

function roleNow(inventory: Inventory, address: string): string | undefined {
  return inventory.roleAt(parseAddress(address) as Uint32Array, 0);
}

describe('an inventory', () => {
  it('knows whose an address was at a time', () => {
    const inventory = holding(
      entry('old', '10.0.0.5', { from: T, to: T + 100 }),
      entry('new', '10.0.0.5', { from: T + 100 }),
    );
    const owner = (time: number) => inventory.find('10.0.0.5', time)?.id;
    expect([T - 1, T, T + 99, T + 100, T + 9999].map(owner)).toEqual([undefined, 'old', 'old', 'new', 'new']);
  });

  it('gives what it says of a thing without addresses and times', () => {
    const tags = { team: 'shop' };
    const inventory = holding(
      entry('i-1', '2001:db8::5', { name: 'web-1', tags, interface: 'eni-1', from: T }),
    );
    const asset = { id: 'i-1', name: 'web-1', tags, interface: 'eni-1' };
    expect(inventory.find('2001:db8::5', T)).toEqual(asset);
    expect(inventory.find('eni-1', T)).toEqual(asset);
    expect(inventory.find('i-1', T)).toEqual(asset);
    expect(inventory.find('i-2', T)).toBeUndefined();
  });

  it('prefers the most specific network that somebody had then', () => {
    const inventory = holding(
      entry('net', '10.0.0.0/16'),
      entry('prefix', '10.0.8.0/28'),
      entry('pod', '10.0.8.3', { from: T, to: T + 60 }),
      entry('v6', '::/0'),
    );
    const owner = (address: string, time: number) => inventory.find(address, time)?.id;
    expect(owner('10.0.8.3', T)).toBe('pod');
    expect(owner('10.0.8.3', T + 60)).toBe('prefix');
    expect(owner('10.0.8.200', T)).toBe('net');
    expect(owner('10.1.0.1', T)).toBeUndefined();
    expect(owner('2001:db8::1', T)).toBe('v6');
  });

  it('does not guess where two networks have an address, unless the interface says which', () => {
    const inventory = holding(
      entry('a', '10.0.0.5', { vpc: 'vpc-a', interface: 'eni-a', role: 'web', from: T }),
      entry('b', '10.0.0.5', { vpc: 'vpc-b', interface: 'eni-b', role: 'db', from: T - 100 }),
    );
    inventory.advance(T);
    expect(inventory.find('10.0.0.5', T)).toBeUndefined();
    expect(inventory.find('10.0.0.5', T, 'eni-b')?.id).toBe('b');
    expect(inventory.find('10.0.0.5', T, 'eni-c')).toBeUndefined();
    expect(roleNow(inventory, '10.0.0.5')).toBeUndefined();
  });

  it('says the role where all who may have an address share it', () => {
    const inventory = holding(
      entry('a', '10.0.0.5', { vpc: 'vpc-a', role: 'web' }),
      entry('b', '10.0.0.5', { vpc: 'vpc-b', role: 'web' }),
    );
    expect(roleNow(inventory, '10.0.0.5')).toBe('web');
  });

  it('takes the one that came last where a network saw a change of hands', () => {
    const inventory = holding(
      entry('gone', '10.0.0.5', { vpc: 'v', from: T }),
      entry('came', '10.0.0.5', { vpc: 'v', from: T + 30 }),
    );
    expect(inventory.find('10.0.0.5', T + 30)?.id).toBe('came');
  });

  it('turns roles with event time, and tells that it did', () => {
    const inventory = holding(
      entry('a', '10.0.0.5', { role: 'web', to: T + 60 }),
      entry('b', '10.0.0.5', { role: 'db', from: T + 60 }),
    );
    inventory.advance(T + 59);
    const { epoch } = inventory;
    expect(roleNow(inventory, '10.0.0.5')).toBe('web');
    inventory.advance(T + 59);
    expect(inventory.epoch).toBe(epoch);
    inventory.advance(T + 119);
    expect(inventory.epoch).not.toBe(epoch);
    expect(roleNow(inventory, '10.0.0.5')).toBe('db');
  });

  it('holds what it was told from the next step on, all at once', () => {
    const inventory = holding(entry('a', '10.0.0.5', { role: 'web' }));
    inventory.advance(T);
    const { epoch } = inventory;
    const parts = [{ source: 'test', at: 0, entries: [entry('b', '10.0.0.5', { role: 'db' })] }];
    inventory.stage(parts);
    expect(inventory.parts).toBe(parts);
    expect(roleNow(inventory, '10.0.0.5')).toBe('web');
    expect(inventory.find('10.0.0.5', T)?.id).toBe('a');
    inventory.advance(T + 60);
    expect(inventory.epoch).not.toBe(epoch);
    expect(roleNow(inventory, '10.0.0.5')).toBe('db');
    expect(inventory.find('10.0.0.5', T)?.id).toBe('b');
  });

  it('is made ready between other work, and knows and saves the same', async () => {
    const entries = Array.from({ length: 5000 }, (_, i) =>
      entry(`i-${i}`, `10.0.${i >> 8}.${i & 255}`, { role: `role-${i % 7}` }),
    );
    const parts = [
      { source: 'a', at: 1, entries },
      { source: 'b', at: 2, entries: entries.slice(0, 1) },
    ];
    const inventory = createInventory();
    let turns = 0;
    const other = setInterval(() => turns++, 0);
    await inventory.stageInBetween(parts);
    clearInterval(other);
    expect(turns).toBeGreaterThan(3);
    inventory.advance(T);

    const restored = createInventory();
    restored.restore(inventory.snapshot());
    expect(restored.parts).toEqual(parts);
    expect(roleNow(inventory, '10.0.19.135')).toBe('role-1');
    expect(inventory.find('10.0.19.135', T)?.id).toBe('i-4999');
  });

  it('makes nothing ready anew when a look finds the same', async () => {
    const inventory = holding(entry('a', '10.0.0.5'));
    inventory.advance(T);
    const { epoch } = inventory;
    const [part] = inventory.parts;
    await inventory.stageInBetween([{ ...part!, at: 9 }]);
    inventory.advance(T + 60);
    expect(inventory.epoch).toBe(epoch);
    expect(inventory.parts).toMatchObject([{ at: 9 }]);
  });

  it('answers after a restart as before it, whatever it was told and asked', () => {
    const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.0/30', '10.0.0.0/24', '2001:db8::1');
    const anEntry = fc.record(
      {
        id: fc.constantFrom('a', 'b', 'c'),
        addresses: fc.array(address, { minLength: 1, maxLength: 2 }),
        role: fc.constantFrom('web', 'db'),
        vpc: fc.constantFrom('v', 'w'),
        tags: fc.constant({}),
        from: fc.nat({ max: 5 }),
        to: fc.nat({ max: 9 }),
      },
      { requiredKeys: ['id', 'addresses', 'tags', 'from'] },
    );
    const asked = ['10.0.0.1', '10.0.0.2', '10.0.0.9', '10.1.0.1', '2001:db8::1'];
    fc.assert(
      fc.property(
        fc.array(anEntry, { maxLength: 8 }),
        fc.array(fc.nat({ max: 10 }), { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 4 }),
        (entries, times, cut) => {
          const whole = holding(...entries);
          let other = holding(...entries);
          for (const [i, time] of times.sort((a, b) => a - b).entries()) {
            if (i === cut) {
              const state = other.snapshot();
              other = createInventory();
              other.restore(state);
            }
            whole.advance(time);
            other.advance(time);
            for (const one of asked) {
              expect(roleNow(other, one)).toBe(roleNow(whole, one));
              expect(other.find(one, time)).toEqual(whole.find(one, time));
            }
          }
        },
      ),
    );
  });
});
