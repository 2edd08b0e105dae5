/** One measured figure. */
export interface Measure {
  readonly bench: string;
  readonly name: string;
  readonly value: number;
  readonly unit: 'ns/record' | 'records/s' | 'bytes/record' | 's' | 'MiB' | 'times';
  /** What it must at least (or, for costs, at most) be; shown beside it. */
  readonly target?: string;
}

/** What all benches share. */
export interface Setting {
  /** Records of the end-to-end run; hot loops use at most a million of them. */
  readonly records: number;
  /** Folder for generated input, kept from run to run. */
  readonly cache: string;
  /** Folder for everything else, deleted at the end. */
  readonly scratch: string;
  readonly progress: (message: string) => void;
}

export type Bench = (setting: Setting) => Promise<readonly Measure[]>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median of `passes` runs, after one that warms up. `run` returns what it measured. */
export async function medianOf(passes: number, run: () => number | Promise<number>): Promise<number> {
  await run();
  const values: number[] = [];
  for (let pass = 0; pass < passes; pass++) values.push(await run());
  return median(values);
}

/** Nanoseconds of CPU a record that `work` takes, all threads together: on a shared machine the clock on the wall measures the others. */
export async function nsPerRecord(records: number, work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / records;
}
