import { grown } from '../columns/key-table.ts';

interface Rows {
  rows: Uint32Array;
  length: number;
}

const FIRST_ROWS = 256;
/** Emptied lists kept for later steps. */
const SPARE = 64;

/** Which rows to look at when a step closes, by the step's start in Unix seconds. A row is in one list, so there are as many entries as rows. */
export class Expiry {
  readonly #lists = new Map<number, Rows>();
  #spare: Rows[] = [];
  /** The list added to last: most rows of a step go to the same one. */
  #step = -1;
  #list: Rows = { rows: new Uint32Array(0), length: 0 };

  /** Looks at `row` when the step at `step` closes. */
  add(row: number, step: number): void {
    if (step !== this.#step) {
      let known = this.#lists.get(step);
      if (known === undefined) {
        known = this.#spare.pop() ?? { rows: new Uint32Array(FIRST_ROWS), length: 0 };
        this.#lists.set(step, known);
      }
      this.#list = known;
      this.#step = step;
    }
    const list = this.#list;
    if (list.length === list.rows.length) list.rows = grown(list.rows, list.length * 2);
    list.rows[list.length++] = row;
  }

  /** Takes the list of a step; give it back with {@link recycle}. */
  take(step: number): Readonly<Rows> | undefined {
    const list = this.#lists.get(step);
    if (list === undefined) return undefined;
    this.#lists.delete(step);
    if (step === this.#step) this.#step = -1;
    return list;
  }

  recycle(list: Rows): void {
    list.length = 0;
    if (this.#spare.length < SPARE) this.#spare.push(list);
  }

  /** Calls `visit` with every entry. */
  each(visit: (row: number, step: number) => void): void {
    for (const [step, { rows, length }] of this.#lists)
      for (let i = 0; i < length; i++) visit(rows[i]!, step);
  }

  clear(): void {
    this.#lists.clear();
    this.#step = -1;
  }
}
