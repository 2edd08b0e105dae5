import { edges, type Interface, windowAt, windowEdges } from './interfaces.ts';
import { type Connection, type Leg, legsOf, PATH } from './legs.ts';
import { mix } from './random.ts';
import { Delivery, type Rows, STATUS } from './rows.ts';

interface Running {
  readonly connection: Connection;
  readonly legs: readonly Leg[];
}

/** Turns connections into the records that the interfaces on their way would capture. */
export class Traffic {
  readonly delivery = new Delivery();
  readonly #interval: number;
  readonly #rhythm: (second: number) => number;
  readonly #viaEndpoint: (address: number) => boolean;
  #running: Running[] = [];

  /** `rhythm`: how busy a moment is, 0 to 1; `viaEndpoint`: addresses reached through a gateway endpoint. */
  constructor(
    interval: number,
    rhythm: (second: number) => number,
    viaEndpoint: (address: number) => boolean,
  ) {
    this.#interval = interval;
    this.#rhythm = rhythm;
    this.#viaEndpoint = viaEndpoint;
  }

  open(connection: Connection): void {
    const legs = legsOf(connection, this.#interval, this.#viaEndpoint);
    const running = { connection, legs };
    if (connection.seconds > 2 * this.#interval) this.#running.push(running);
    else for (const leg of legs) this.#emit(running, leg, Number.POSITIVE_INFINITY);
  }

  /** Emits the windows of long connections that close before `until`. Rows delivered before `until` are complete afterwards. */
  advance(until: number): void {
    let kept = 0;
    for (const running of this.#running) {
      let open = false;
      for (const leg of running.legs) if (this.#emit(running, leg, until)) open = true;
      if (open) this.#running[kept++] = running;
    }
    this.#running.length = kept;
  }

  /** NODATA for the windows of `eni` that close in [from, until) without traffic, and now and then a SKIPDATA. */
  silence(eni: Interface, from: number, until: number): void {
    const interval = this.#interval;
    for (let window = windowAt(eni, from, interval); ; window++) {
      const closes = eni.phase + (window + 1) * interval;
      if (closes >= until) return;
      if (closes < from || closes - interval < eni.born || closes > Math.min(eni.gone, eni.unlogged))
        continue;
      if (eni.seen[window & 7] !== window) this.#blank(eni, window, STATUS.nodata);
      else if (mix(eni.key ^ Math.imul(window, 7919)) % 20_011 === 0)
        this.#blank(eni, window, STATUS.skipdata);
    }
  }

  /** Emits the windows of a leg that close before `until`; false when none is left. */
  #emit(running: Running, leg: Leg, until: number): boolean {
    const { connection } = running;
    const interval = this.#interval;
    const ends = connection.at + connection.seconds;
    const last = windowAt(leg.eni, ends, interval);
    const first = windowAt(leg.eni, connection.at, interval);
    while (leg.next <= last) {
      const opens = leg.eni.phase + leg.next * interval;
      if (opens + interval >= until) return true;
      this.#emitWindow(running, leg, leg.next, opens, leg.next === first, leg.next === last);
      leg.next++;
    }
    return false;
  }

  #emitWindow(
    running: Running,
    leg: Leg,
    window: number,
    opens: number,
    first: boolean,
    last: boolean,
  ): void {
    if (opens + this.#interval > leg.eni.unlogged) return;
    const { connection } = running;
    const from = Math.max(0, opens - connection.at);
    const to = Math.min(connection.seconds, opens + this.#interval - connection.at);
    const { outcome } = connection;
    const answered = outcome === 'answered' || outcome === 'reset';
    const tcp = connection.protocol === 6;
    this.#share(connection, from, to);
    let up = share.upPackets;
    let down = share.downPackets;
    if (first || (last && tcp)) {
      up = Math.max(1, up);
      if (answered && connection.downPackets > 0) down = Math.max(1, down);
    }
    if (up === 0 && down === 0) return;
    const late = first && connection.at - opens >= 12 && (connection.clientPort & 3) === 0;
    windowEdges(leg.eni, window, this.#interval, late);
    leg.eni.seen[window & 7] = window;
    const syn = tcp && first ? 2 : 0;
    const fin = tcp && last ? (outcome === 'reset' ? 4 : 1) : 0;
    const rows = this.delivery.at(edges.deliver);
    if (up > 0) {
      const row = begin(rows, leg.eni, connection);
      rows.src[row] = leg.src;
      rows.dst[row] = leg.dst;
      rows.packetSrc[row] = leg.packetSrc;
      rows.packetDst[row] = leg.packetDst;
      rows.srcPort[row] = leg.srcPort;
      rows.dstPort[row] = leg.dstPort;
      rows.packets[row] = up;
      rows.bytes[row] = Math.max(share.up, up * 40);
      rows.flags[row] = answered ? syn | fin : syn;
      rows.reject[row] = leg.rejects ? 1 : 0;
      rows.egress[row] = leg.egress ? 1 : 0;
      rows.path[row] = leg.egress ? leg.path : PATH.none;
      rows.counts[row] = first && leg === running.legs[0] ? 1 : 0;
    }
    if (down > 0 && !leg.rejects && (answered || outcome === 'refused')) {
      const row = begin(rows, leg.eni, connection);
      rows.src[row] = leg.dst;
      rows.dst[row] = leg.src;
      rows.packetSrc[row] = leg.packetDst;
      rows.packetDst[row] = leg.packetSrc;
      rows.srcPort[row] = leg.dstPort;
      rows.dstPort[row] = leg.srcPort;
      rows.packets[row] = down;
      rows.bytes[row] = Math.max(share.down, down * 40);
      rows.flags[row] = outcome === 'refused' ? 4 : (syn === 0 ? 0 : 18) | fin;
      rows.reject[row] = 0;
      rows.egress[row] = leg.egress ? 0 : 1;
      rows.path[row] = leg.egress ? PATH.none : leg.path;
      rows.counts[row] = 0;
    }
  }

  /** Fills {@link share} with the part of the connection between two moments of its life, in seconds since its beginning. */
  #share(connection: Connection, from: number, to: number): void {
    const { seconds, up, down, upPackets, downPackets, wobble } = connection;
    if (seconds <= 0) {
      share.up = up;
      share.down = down;
      share.upPackets = upPackets;
      share.downPackets = downPackets;
      return;
    }
    const before = from / seconds;
    const after = to / seconds;
    if (wobble !== undefined) {
      const minute = Math.floor((connection.at + from) / 60);
      const weight = this.#rhythm(minute * 60) * (0.5 + mix(wobble ^ minute) / 4294967296) * (after - before);
      share.up = Math.round(up * weight);
      share.down = Math.round(down * weight);
      share.upPackets = Math.round(upPackets * weight);
      share.downPackets = Math.round(downPackets * weight);
      return;
    }
    // Cumulative amounts are rounded, not the windows', so that both views of a connection add up to the same.
    share.up = Math.floor(up * after) - Math.floor(up * before);
    share.down = Math.floor(down * after) - Math.floor(down * before);
    share.upPackets = Math.floor(upPackets * after) - Math.floor(upPackets * before);
    share.downPackets = Math.floor(downPackets * after) - Math.floor(downPackets * before);
  }

  #blank(eni: Interface, window: number, status: number): void {
    windowEdges(eni, window, this.#interval, false);
    const rows = this.delivery.at(edges.deliver);
    const row = rows.add();
    rows.deliver[row] = edges.deliver;
    rows.eni[row] = eni.index;
    rows.start[row] = edges.start;
    rows.end[row] = edges.end;
    rows.status[row] = status;
    rows.truth[row] = 0;
    rows.counts[row] = 0;
  }
}

/** Result of `#share`, reused. */
const share = { up: 0, down: 0, upPackets: 0, downPackets: 0 };

function begin(rows: Rows, eni: Interface, connection: Connection): number {
  const row = rows.add();
  rows.deliver[row] = edges.deliver;
  rows.eni[row] = eni.index;
  rows.protocol[row] = connection.protocol;
  rows.start[row] = edges.start;
  rows.end[row] = edges.end;
  rows.status[row] = STATUS.ok;
  rows.truth[row] = connection.truth ?? 0;
  return row;
}
