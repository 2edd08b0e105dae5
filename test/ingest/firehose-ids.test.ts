import { describe, expect, it } from 'vitest';
import { rememberRequests } from '../../src/ingest/firehose/ids.ts';

describe('ids of requests', () => {
  it('sort by age, and are known for as long as they are to be remembered', () => {
    let clock = 5000;
    const ids = rememberRequests(new Set(), 60, () => clock);
    const first = ids.idOf('z');
    ids.add(first);
    clock += 60_000;
    expect(ids.forget() <= first).toBe(true);
    expect(ids.has('z')).toBe(true);
    const second = ids.idOf('a');
    expect(second > first).toBe(true);
    ids.add(second);
    clock += 1;
    const from = ids.forget();
    expect([from > first, from <= second]).toEqual([true, true]);
    expect([ids.has('z'), ids.has('a')]).toEqual([false, true]);
  });

  it('go on from the newest one after a restart, however long that took and whatever clocks say', () => {
    let clock = 1_000_000;
    const ids = rememberRequests(new Set(), 60, () => clock);
    clock += 50_000;
    const last = ids.idOf('r');
    for (const later of [0, 10 ** 12]) {
      const again = rememberRequests(new Set([last]), 60, () => later);
      expect(again.has('r')).toBe(true);
      again.forget();
      expect(again.has('r')).toBe(true);
      expect(again.idOf('s') > last.replace('-r', '')).toBe(true);
    }
  });

  it('are at most a million: the oldest are forgotten first', () => {
    let clock = 0;
    const ids = rememberRequests(new Set(), 1_000_000, () => clock);
    for (; clock < 1_000_010; clock++) ids.add(ids.idOf(`r${clock}`));
    const from = ids.forget();
    expect(Number(from)).toBe(10);
    expect([ids.has('r9'), ids.has('r10')]).toEqual([false, true]);
  });
});
