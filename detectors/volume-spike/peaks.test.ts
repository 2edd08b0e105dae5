import { expect, it } from 'vitest';
import { type Column, packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { MEASURE, Peaks } from './peaks.ts';

const DAY = 86_400;
const T0 = 20_000 * DAY;
const HOT_WORDS = 16;

it('goes on from a folder of before what every window touches was one column', () => {
  const peaks = new Peaks(4, 1000);
  for (let host = 1; host <= 5; host++) {
    const row = peaks.table.upsert(Uint32Array.of(0, 0, 0xffff, host), 0);
    for (let day = 0; day < 3; day++) {
      peaks.turn(row, T0 + day * DAY);
      peaks.note(row, MEASURE.packets, 1000 * host + day, 0);
    }
    if (host === 2) peaks.setAlerted(row);
    peaks.setFetched(row, host === 3);
  }
  const { hot, ...rest } = Object.fromEntries(unpackSnapshot(peaks.table.snapshot()).columns) as {
    [column: string]: Column;
    hot: Uint32Array;
  };
  const rows = hot.length / HOT_WORDS;
  const part = (at: number, width: number): number[] =>
    Array.from(
      { length: rows * width },
      (_, i) => hot[Math.floor(i / width) * HOT_WORDS + at + (i % width)]!,
    );
  const old = packSnapshot(
    {
      ...rest,
      since: Uint32Array.from(part(0, 1)),
      day: Uint32Array.from(part(1, 1)),
      alerted: Uint8Array.from(part(2, 1)),
      fetched: Uint8Array.from(part(3, 1)),
      today: Uint16Array.from(part(4, 6)),
      top: Uint16Array.from(part(10, 6)),
    },
    null,
  );

  const restored = new Peaks(4, 1000);
  restored.restore(old);

  expect(rows).toBe(5);
  expect(restored.highest(2, MEASURE.packets)).toBe(3002);
  expect(Buffer.compare(restored.table.snapshot(), peaks.table.snapshot())).toBe(0);
});
