import type { Rows } from './rows.ts';

/** What was attacked by whom; what is not one thing for the whole row stays empty. */
export interface TruthKey {
  readonly attack: string;
  readonly src: string;
  readonly dst: string;
  readonly port?: number | undefined;
  readonly protocol: number;
}

interface TruthRow extends TruthKey {
  start: number;
  end: number;
  count: number;
}

const HEADER = 'attack_type,src,dst,dport,proto,start,end,count';

/** The labels of a run: a row for each attack, filled by the records that were really written. */
export class Truth {
  readonly #rows: TruthRow[] = [];
  readonly #numbers = new Map<string, number>();

  /** Number of the row of `key`, from 1. */
  row(key: TruthKey): number {
    const text = `${key.attack},${key.src},${key.dst},${key.port ?? ''},${key.protocol}`;
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#rows.push({ ...key, start: Number.POSITIVE_INFINITY, end: 0, count: 0 });
      this.#numbers.set(text, number);
    }
    return number;
  }

  /** Books a record that is being written. */
  saw(rows: Rows, row: number): void {
    const truth = this.#rows[rows.truth[row]! - 1]!;
    truth.start = Math.min(truth.start, rows.start[row]!);
    truth.end = Math.max(truth.end, rows.end[row]!);
    truth.count += rows.counts[row]!;
  }

  /** Rows of which at least one record was written. */
  get size(): number {
    return this.#rows.filter((row) => row.end > 0).length;
  }

  csv(): string {
    const lines = this.#rows
      .filter((row) => row.end > 0)
      .map(({ attack, src, dst, port, protocol, start, end, count }) =>
        [attack, src, dst, port ?? '', protocol, start, end, count].join(','),
      );
    return `${[HEADER, ...lines].join('\n')}\n`;
  }
}
