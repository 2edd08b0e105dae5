export const STATUS = { ok: 0, nodata: 1, skipdata: 2 } as const;

const CAPACITY = 2048;

/** Records that wait to be delivered, as columns. Addresses are {@link Addresses} numbers. */
export class Rows {
  length = 0;
  /** Second at which AWS would deliver the record, and so its place in the file. */
  deliver: Uint32Array = new Uint32Array(CAPACITY);
  eni: Uint32Array = new Uint32Array(CAPACITY);
  src: Float64Array = new Float64Array(CAPACITY);
  dst: Float64Array = new Float64Array(CAPACITY);
  packetSrc: Float64Array = new Float64Array(CAPACITY);
  packetDst: Float64Array = new Float64Array(CAPACITY);
  srcPort: Uint16Array = new Uint16Array(CAPACITY);
  dstPort: Uint16Array = new Uint16Array(CAPACITY);
  protocol: Uint8Array = new Uint8Array(CAPACITY);
  packets: Float64Array = new Float64Array(CAPACITY);
  bytes: Float64Array = new Float64Array(CAPACITY);
  start: Uint32Array = new Uint32Array(CAPACITY);
  end: Uint32Array = new Uint32Array(CAPACITY);
  flags: Uint8Array = new Uint8Array(CAPACITY);
  reject: Uint8Array = new Uint8Array(CAPACITY);
  status: Uint8Array = new Uint8Array(CAPACITY);
  egress: Uint8Array = new Uint8Array(CAPACITY);
  /** AWS's traffic-path, 0 = none. */
  path: Uint8Array = new Uint8Array(CAPACITY);
  /** Row of the truth table that the record belongs to, 0 = none. */
  truth: Uint32Array = new Uint32Array(CAPACITY);
  /** 1 when the record is the one that stands for its connection in the truth's count. */
  counts: Uint8Array = new Uint8Array(CAPACITY);

  /** A new row, all columns of which the caller sets. */
  add(): number {
    if (this.length === this.deliver.length) this.#grow();
    return this.length++;
  }

  /** Row numbers in order of delivery; rows of the same second in the order in which they were added. */
  order(from: number, seconds: number): Uint32Array {
    const places = new Uint32Array(seconds + 1);
    const last = seconds - 1;
    for (let row = 0; row < this.length; row++) {
      const second = Math.min(last, this.deliver[row]! - from);
      places[second + 1] = places[second + 1]! + 1;
    }
    for (let second = 0; second < seconds; second++)
      places[second + 1] = places[second + 1]! + places[second]!;
    const order = new Uint32Array(this.length);
    for (let row = 0; row < this.length; row++) {
      const second = Math.min(last, this.deliver[row]! - from);
      const place = places[second]!;
      order[place] = row;
      places[second] = place + 1;
    }
    return order;
  }

  #grow(): void {
    const length = this.length * 2;
    const wider = <T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
      column: T,
      next: T,
    ): T => {
      next.set(column);
      return next;
    };
    this.deliver = wider(this.deliver, new Uint32Array(length));
    this.eni = wider(this.eni, new Uint32Array(length));
    this.src = wider(this.src, new Float64Array(length));
    this.dst = wider(this.dst, new Float64Array(length));
    this.packetSrc = wider(this.packetSrc, new Float64Array(length));
    this.packetDst = wider(this.packetDst, new Float64Array(length));
    this.srcPort = wider(this.srcPort, new Uint16Array(length));
    this.dstPort = wider(this.dstPort, new Uint16Array(length));
    this.protocol = wider(this.protocol, new Uint8Array(length));
    this.packets = wider(this.packets, new Float64Array(length));
    this.bytes = wider(this.bytes, new Float64Array(length));
    this.start = wider(this.start, new Uint32Array(length));
    this.end = wider(this.end, new Uint32Array(length));
    this.flags = wider(this.flags, new Uint8Array(length));
    this.reject = wider(this.reject, new Uint8Array(length));
    this.status = wider(this.status, new Uint8Array(length));
    this.egress = wider(this.egress, new Uint8Array(length));
    this.path = wider(this.path, new Uint8Array(length));
    this.truth = wider(this.truth, new Uint32Array(length));
    this.counts = wider(this.counts, new Uint8Array(length));
  }
}

/** Rows sorted into the minutes in which they will be delivered. Holds only minutes that have not been taken. */
export class Delivery {
  readonly #minutes = new Map<number, Rows>();
  readonly #spare: Rows[] = [];

  /** The rows of the minute that holds `second`. */
  at(second: number): Rows {
    const minute = Math.floor(second / 60);
    let rows = this.#minutes.get(minute);
    if (rows === undefined) {
      rows = this.#spare.pop() ?? new Rows();
      this.#minutes.set(minute, rows);
    }
    return rows;
  }

  take(second: number): Rows | undefined {
    const minute = Math.floor(second / 60);
    const rows = this.#minutes.get(minute);
    this.#minutes.delete(minute);
    return rows;
  }

  /** Takes back what `take` gave once it is written. */
  release(rows: Rows): void {
    rows.length = 0;
    if (this.#spare.length < 4) this.#spare.push(rows);
  }
}
