/** Most bytes kept for re-use. */
const MAX_BYTES = 192 << 20;

/**
 * Memory of batches that have been written, on its way back to the thread that fills new ones. Without it each batch is a fresh megabyte: the
 * pages cost a tenth of the run and the garbage collector another.
 */
export class BufferPool {
  #buffers: ArrayBuffer[] = [];
  #bytes = 0;

  put(buffer: ArrayBuffer): void {
    if (this.#bytes + buffer.byteLength > MAX_BYTES) return;
    this.#buffers.push(buffer);
    this.#bytes += buffer.byteLength;
  }

  take(): ArrayBuffer | undefined {
    const buffer = this.#buffers.pop();
    if (buffer !== undefined) this.#bytes -= buffer.byteLength;
    return buffer;
  }

  /** A buffer of exactly this size. */
  takeSize(byteLength: number): ArrayBuffer | undefined {
    const at = this.#buffers.findLastIndex((buffer) => buffer.byteLength === byteLength);
    if (at < 0) return undefined;
    this.#bytes -= byteLength;
    return this.#buffers.splice(at, 1)[0];
  }
}
