import { describe, expect, it } from 'vitest';
import { createWaiting, type Wanted } from '../../src/ingest/s3/waiting.ts';

const MINUTE = 60_000;

const object = (key: string): Wanted => ({ partition: `bucket/${key}@e`, key, etag: 'e', modified: 0 });

/** What waits, by a clock that goes only where it is set. */
function rig() {
  const clock = { ms: 0 };
  const waiting = createWaiting(() => clock.ms);
  /** Goes on to when one that was refused may be asked for: its key. */
  const ask = (): Wanted => {
    clock.ms += waiting.pause() ?? Number.NaN;
    return waiting.nextRefused()!;
  };
  return { clock, waiting, ask };
}

describe('objects that wait', () => {
  it('come in their order when they are new, and those that were refused apart from them', () => {
    const { clock, waiting } = rig();
    waiting.addRefused(object('before'));
    waiting.add(object('a'));
    waiting.add(object('b'));
    expect([waiting.added, waiting.refused]).toEqual([2, 1]);
    waiting.refuse(waiting.next()!);
    expect(waiting.next()?.key).toBe('b');
    expect(waiting.next()).toBeUndefined();
    expect(waiting.nextRefused()?.key).toBe('before');
    expect(waiting.nextRefused()).toBeUndefined();
    clock.ms = 5000;
    expect(waiting.nextRefused()?.key).toBe('a');
    expect([waiting.added, waiting.refused, waiting.pause()]).toEqual([0, 0, undefined]);
  });

  it('wait twice as long each time they are refused, up to five minutes', () => {
    const { clock, waiting, ask } = rig();
    const waits: number[] = [];
    let wanted = object('denied');
    for (let i = 0; i < 8; i++) {
      const at = clock.ms;
      waiting.refuse(wanted);
      wanted = ask();
      waits.push((clock.ms - at) / 1000);
    }
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('are refused no more often than once a second, however many they are, and each in its turn', () => {
    const { clock, waiting, ask } = rig();
    for (let i = 0; i < 5000; i++) waiting.addRefused(object(String(i)));
    const asked = new Map<string, number>();
    while (clock.ms < 100 * MINUTE) {
      const wanted = ask();
      asked.set(wanted.key, (asked.get(wanted.key) ?? 0) + 1);
      waiting.refuse(wanted);
    }
    const counts = [...asked.values()];
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(6001);
    expect([asked.size, Math.min(...counts), Math.max(...counts)]).toEqual([5000, 1, 2]);
  });

  it('are asked for without a pause while they are given', () => {
    const { clock, waiting, ask } = rig();
    for (let i = 0; i < 5000; i++) waiting.addRefused(object(String(i)));
    while (waiting.refused > 0) ask();
    expect(clock.ms).toBe(0);
  });

  it('are asked for within minutes after a short outage, beside thousands that are never given', () => {
    const { clock, waiting, ask } = rig();
    for (let i = 0; i < 5000; i++) waiting.addRefused(object(`denied-${i}`));
    for (let i = 0; i < 50; i++) waiting.refuse(object(`outage-${i}`));
    let given = 0;
    while (given < 50) {
      const wanted = ask();
      if (wanted.key.startsWith('outage')) given++;
      else waiting.refuse(wanted);
    }
    expect(clock.ms).toBeLessThan(2 * MINUTE);
  });
});
