import { mix } from './random.ts';

/** An elastic network interface: what captures traffic. */
export interface Interface {
  /** Place in the list of interfaces. */
  readonly index: number;
  /** A number of its own that, unlike the place, does not depend on which interfaces came before. */
  readonly key: number;
  readonly id: string;
  readonly account: string;
  /** Primary private IPv4 and IPv6 address. */
  readonly v4: number;
  readonly v6: number;
  readonly vpc: string;
  readonly subnet: string;
  readonly instance: string;
  readonly zone: string;
  /** AWS's interface-type, '-' for ordinary ones. */
  readonly kind: string;
  /** Second of the interval at which its windows begin: interfaces do not capture in step. */
  readonly phase: number;
  /** Seconds between which it exists. */
  readonly born: number;
  gone: number;
  /** Second from which nothing of it is logged, although it lives. */
  unlogged: number;
  /** Windows, modulo 8, in which it had traffic. */
  readonly seen: Int32Array;
}

/** Number of the capture window of `eni` that holds `second`. */
export function windowAt(eni: Interface, second: number, interval: number): number {
  return Math.floor((second - eni.phase) / interval);
}

/**
 * How much earlier or later the edges of a window are than the interval says. Real windows are up to the interval long and a few seconds
 * shorter as a rule, and those of one interface overlap.
 */
export function windowEdges(eni: Interface, window: number, interval: number, late: boolean): void {
  const bits = mix(eni.key ^ window);
  const from = eni.phase + window * interval;
  edges.start = from + (bits & 1) + (late ? 9 + ((bits >>> 1) & 3) : 0);
  edges.end = from + interval - 1 - ((bits >>> 3) & 3) + (late ? 6 : 0);
  // Most windows reach the destination within seconds of each other, one in sixteen takes up to a minute more.
  const slow = ((bits >>> 5) & 15) === 0 ? (bits >>> 9) & 63 : 0;
  edges.deliver = from + interval + (late ? 8 : 0) + ((bits >>> 15) & 7) + slow;
}

/** Result of {@link windowEdges}, reused: seconds. */
export const edges = { start: 0, end: 0, deliver: 0 };
