/** Most bytes kept for re-use. */
const MAX_BYTES = 192 << 20;
/** Times that memory is asked for, after which what lay here all that while goes: with batches of 16,384 rows 17 million records. */
const PATIENCE = 1024;

/**
 * Memory of batches that have been written, on its way back to the thread that fills new ones. Without it each batch is a fresh megabyte: the
 * pages cost a tenth of the run and the garbage collector another. What only the busiest moment needed is given back some time later.
 */
export class BufferPool {
  /** What was needed last is at the end. */
  #buffers: ArrayBuffer[] = [];
  #bytes = 0;
  #asked = 0;
  /** Fewest buffers that have lain here since the last look: they were not needed. */
  #idle = 0;

  get bytes(): number {
    return this.#bytes;
  }

  put(buffer: ArrayBuffer): void {
    if (this.#bytes + buffer.byteLength > MAX_BYTES) return;
    this.#buffers.push(buffer);
    this.#bytes += buffer.byteLength;
  }

  take(): ArrayBuffer | undefined {
    return this.#takeAt(this.#buffers.length - 1);
  }

  /** A buffer of exactly this size. */
  takeSize(byteLength: number): ArrayBuffer | undefined {
    return this.#takeAt(this.#buffers.findLastIndex((buffer) => buffer.byteLength === byteLength));
  }

  #takeAt(at: number): ArrayBuffer | undefined {
    const [taken] = at < 0 ? [] : this.#buffers.splice(at, 1);
    this.#bytes -= taken?.byteLength ?? 0;
    this.#idle = Math.min(this.#idle, this.#buffers.length);
    if (++this.#asked >= PATIENCE) this.#trim();
    return taken;
  }

  #trim(): void {
    for (const { byteLength } of this.#buffers.splice(0, this.#idle)) this.#bytes -= byteLength;
    this.#asked = 0;
    this.#idle = this.#buffers.length;
  }
}
