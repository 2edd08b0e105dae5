import { edges, type Interface, windowAt, windowEdges } from './interfaces.ts';
import { mix } from './random.ts';
import { Delivery, type Rows, STATUS } from './rows.ts';

/** One end of a connection. */
export interface End {
  /** The address that packets carry: a pod's own one, not its node's. */
  readonly address: number;
  /** The interface that captures it; none beyond the VPC. */
  readonly eni: Interface | undefined;
}

/** A connection, or one datagram exchange, from its first packet to its last. */
export interface Connection {
  readonly client: End;
  readonly server: End;
  /** The NAT gateway on the way, and the port it uses outside. */
  readonly nat?: Interface | undefined;
  readonly natPort?: number;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly protocol: number;
  /** Seconds, fractions allowed. */
  readonly at: number;
  readonly seconds: number;
  /** Bytes on the wire and packets from the client (up) and back (down). */
  readonly up: number;
  readonly down: number;
  readonly upPackets: number;
  readonly downPackets: number;
  /**
   * answered; rejected: a security group drops it (the server's when it is ours, else the client's); refused: a reset comes back;
   * silent: nothing comes back; reset: answered and then cut.
   */
  readonly outcome: 'answered' | 'rejected' | 'refused' | 'silent' | 'reset';
  /** For long-lived ones as busy as the time of day: their amounts follow the rhythm and vary from minute to minute by this number. */
  readonly wobble?: number | undefined;
  readonly truth?: number | undefined;
}

/** Seen legs of a connection: which interface sees it, and with which addresses. */
interface Leg {
  readonly eni: Interface;
  readonly src: number;
  readonly dst: number;
  readonly packetSrc: number;
  readonly packetDst: number;
  readonly srcPort: number;
  readonly dstPort: number;
  /** Whether packets from the client leave the VPC side of this interface here. */
  readonly egress: boolean;
  readonly path: number;
  readonly rejects: boolean;
  next: number;
}

interface Running {
  readonly connection: Connection;
  readonly legs: readonly Leg[];
}

/** AWS's traffic-path values: same VPC, gateway endpoint, internet gateway. */
const PATH = { none: 0, vpc: 1, gatewayEndpoint: 7, internet: 8 } as const;

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
    const legs = this.#legs(connection);
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
      if (closes < from || closes - interval < eni.born || closes > eni.gone) continue;
      if (eni.seen[window & 7] !== window) this.#blank(eni, window, STATUS.nodata);
      else if (mix(eni.key ^ Math.imul(window, 7919)) % 20_011 === 0)
        this.#blank(eni, window, STATUS.skipdata);
    }
  }

  #legs(connection: Connection): Leg[] {
    const { client, server, nat, clientPort, serverPort, outcome } = connection;
    const first = windowOrZero(client.eni, connection.at, this.#interval);
    const legs: Leg[] = [];
    const rejected = outcome === 'rejected';
    const inside = server.eni !== undefined || nat !== undefined;
    if (client.eni !== undefined) {
      legs.push({
        eni: client.eni,
        // A pod's packets are logged with the node's primary address; the pod's own one is in pkt-srcaddr.
        src: primary(client),
        dst: server.address,
        packetSrc: client.address,
        packetDst: server.address,
        srcPort: clientPort,
        dstPort: serverPort,
        egress: true,
        path: inside ? PATH.vpc : this.#viaEndpoint(server.address) ? PATH.gatewayEndpoint : PATH.internet,
        rejects: rejected && server.eni === undefined,
        next: first,
      });
    }
    if (rejected && server.eni === undefined) return legs;
    if (nat !== undefined) {
      const natPort = connection.natPort ?? clientPort;
      const next = windowAt(nat, connection.at, this.#interval);
      legs.push({
        eni: nat,
        src: client.address,
        dst: nat.v4,
        packetSrc: client.address,
        packetDst: server.address,
        srcPort: clientPort,
        dstPort: serverPort,
        egress: false,
        path: PATH.vpc,
        rejects: false,
        next,
      });
      legs.push({
        eni: nat,
        src: nat.v4,
        dst: server.address,
        packetSrc: nat.v4,
        packetDst: server.address,
        srcPort: natPort,
        dstPort: serverPort,
        egress: true,
        path: PATH.internet,
        rejects: false,
        next,
      });
    }
    if (server.eni !== undefined) {
      legs.push({
        eni: server.eni,
        src: client.address,
        dst: primary(server),
        packetSrc: client.address,
        packetDst: server.address,
        srcPort: clientPort,
        dstPort: serverPort,
        egress: false,
        path: client.eni === undefined ? PATH.internet : PATH.vpc,
        rejects: rejected,
        next: windowAt(server.eni, connection.at, this.#interval),
      });
    }
    return legs;
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
      // The client's side counts; a connection from outside counts at the server.
      rows.counts[row] = first && leg.egress === (connection.client.eni !== undefined) ? 1 : 0;
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

function primary(end: End): number {
  const eni = end.eni;
  // IPv6 has no primary address to fall back to: the packet's own address is logged.
  return eni === undefined || end.address >= 4294967296 ? end.address : eni.v4;
}

function windowOrZero(eni: Interface | undefined, second: number, interval: number): number {
  return eni === undefined ? 0 : windowAt(eni, second, interval);
}
