import type { FlowBatch } from './columns/flow-batch.ts';

/** What a run of records covered: its time span and the interfaces that spoke. */
export class Coverage {
  /** Unix seconds of event time; 0 without records. */
  first = 0;
  last = 0;
  interfaces = 0;
  #seen = new Uint8Array(1024);

  add(batch: FlowBatch | undefined): void {
    if (batch === undefined) return;
    for (let i = 0; i < batch.length; i++) {
      const end = batch.end[i]!;
      if (end > this.last) this.last = end;
      if (this.first === 0 || end < this.first) this.first = end;
      const code = batch.interfaceId[i]!;
      if (code >= this.#seen.length) this.#grow(code);
      if (code === 0 || this.#seen[code] === 1) continue;
      this.#seen[code] = 1;
      this.interfaces++;
    }
  }

  #grow(code: number): void {
    let length = this.#seen.length;
    while (length <= code) length *= 2;
    const seen = new Uint8Array(length);
    seen.set(this.#seen);
    this.#seen = seen;
  }
}
