import type { Coverage } from './contracts.ts';
import type { Segment } from './store/history/messages.ts';

/** What times a history has, Unix seconds; undefined when it has no records. */
export function timesOf(segments: readonly Segment[], coverage: Coverage | undefined) {
  const flows = segments.filter(({ table }) => table === 'flows');
  if (flows.length === 0) return undefined;
  const oldest = flows.reduce((least, { minTime }) => Math.min(least, minTime), Number.POSITIVE_INFINITY);
  const newest = flows.reduce((most, { maxTime }) => Math.max(most, maxTime), 0);
  return {
    oldest,
    newest,
    // Coverage goes by times that could be believed; a record of 2099 has a file too.
    first: Math.max(oldest, coverage?.from ?? 0),
    last: coverage === undefined ? newest : Math.min(newest, coverage.to + 59),
  };
}

/** Bytes of the files that have records of a span. */
export function bytesOf(segments: readonly Segment[], from: number, to: number): number {
  return segments.reduce(
    (sum, { table, minTime, maxTime, bytes }) =>
      table === 'flows' && maxTime >= from && minTime < to ? sum + bytes : sum,
    0,
  );
}
