import { DistinctCounts, EXACT_LIMIT } from '../../src/columns/distinct.ts';
import { KeyFilter } from '../../src/columns/key-filter.ts';
import { hashWords, NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch } from '../../src/columns/session-batch.ts';
import { SlidingDistinct } from '../../src/columns/sliding-distinct.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { portKey } from '../attempts.ts';
import { SCAN, ScanRows, SKETCHES, sketchesFor } from './scan-rows.ts';

const PORT_SEED = 0x1d872b41;

/** Hash of the address at `offset`. */
export function hashHost(words: Uint32Array, offset: number): number {
  return hashWords(words, offset, 4);
}

/** Hash of the /64 of an IPv6 address; an IPv4 address is its own network. */
export function hashNetwork(words: Uint32Array, offset: number): number {
  return hashWords(words, offset, words[offset + 2] === 0xffff && words[offset] === 0 ? 4 : 2);
}

const pair = new Uint32Array(5);

function hashTarget(sessions: SessionBatch, row: number): number {
  for (let word = 0; word < 4; word++) pair[word] = sessions.dstAddr[row * 4 + word]!;
  pair[4] = portKey(sessions, row);
  return hashWords(pair, 0, 5);
}

export function hashPort(key: number): number {
  pair[0] = key;
  return hashWords(pair, 0, 1, PORT_SEED);
}

/**
 * What each source failed at, over all hosts and ports. It is kept for every source, so that a scanner is named even when there is no
 * room to follow its targets one by one. `rows` counts ports.
 */
export class Sources {
  readonly rows: ScanRows;
  readonly hosts: SlidingDistinct;
  readonly totalHosts = new DistinctCounts(SKETCHES);
  /** Networks: /64 of IPv6, addresses of IPv4. */
  readonly networks = new DistinctCounts(SKETCHES);
  /** Host and port together: what failed and what worked. */
  readonly failed = new DistinctCounts(SKETCHES);
  readonly worked = new DistinctCounts(SKETCHES);
  /** Sources dropped to make room. */
  pruned = 0;
  readonly #limit: number;
  readonly #filter = new KeyFilter();

  constructor(limit: number, minutes: number) {
    this.#limit = limit;
    this.rows = new ScanRows(4, limit, minutes);
    this.hosts = new SlidingDistinct(minutes, SKETCHES * 2);
  }

  get overflow(): number {
    const { totalHosts, networks, failed, worked } = this;
    const totals = totalHosts.overflow + networks.overflow + failed.overflow + worked.overflow;
    return this.rows.overflow + this.pruned + this.hosts.overflow + totals;
  }

  get byteLength(): number {
    const { totalHosts, networks, failed, worked } = this;
    const totals = totalHosts.byteLength + networks.byteLength + failed.byteLength + worked.byteLength;
    return this.rows.byteLength + this.hosts.byteLength + totals;
  }

  /** Whether a source with this hash of its key may be known; false is certain. */
  mayHave(hash: number): boolean {
    return this.#filter.maybe(hash);
  }

  touch(
    key: Uint32Array,
    hash: number,
    sessions: SessionBatch,
    row: number,
    rejected: boolean,
    tick: number,
  ): number {
    const at = this.rows.touch(key, sessions, row, hashPort(portKey(sessions, row)), rejected, tick);
    if (at === NO_ROW) return at;
    if (this.rows.table.columns.attempts[at] === 1) this.#filter.add(hash);
    const { columns } = this.rows.table;
    const address = columns.address;
    const fresh = columns.attempts[at] === 1;
    let flags = sessions.srcScope[row] === SCOPE.internal ? 0 : SCAN.external;
    for (let word = 0; word < 4; word++) {
      const value = sessions.srcAddr[row * 4 + word]!;
      if (fresh) address[at * 4 + word] = value;
      else if (address[at * 4 + word] !== value) flags |= SCAN.manyAddresses;
    }
    columns.flags[at] = columns.flags[at]! | flags;
    const most = sketchesFor(sessions, row);
    const host = hashHost(sessions.dstAddr, row * 4);
    this.hosts.add(at, host, tick, 2 * most);
    this.totalHosts.add(at, host, most);
    this.networks.add(at, hashNetwork(sessions.dstAddr, row * 4), most);
    this.failed.add(at, hashTarget(sessions, row), most);
    return at;
  }

  /** Notes a target that worked for a source already known for failures. */
  success(at: number, sessions: SessionBatch, row: number): void {
    this.worked.add(at, hashTarget(sessions, row));
  }

  /** Share of the source's targets that failed. */
  failShare(at: number): number {
    const failed = this.#failedTargets(at);
    return failed === 0 ? 0 : failed / (failed + this.worked.count(at));
  }

  /** Where there is no sketch for them they stay at {@link EXACT_LIMIT}; attempts are then the nearest to them that is known. */
  #failedTargets(at: number): number {
    const counted = this.failed.count(at);
    const isCut = counted === EXACT_LIMIT && this.failed.isExact(at) && this.failed.isFull(SKETCHES / 2);
    return isCut ? Math.max(counted, this.rows.table.columns.attempts[at]!) : counted;
  }

  drop(row: number): void {
    this.#clear(row);
    this.rows.drop(row);
  }

  expire(idle: number, idleOpen: number): void {
    this.rows.expire(idle, idleOpen, (row) => this.#clear(row));
    this.#refilter();
  }

  /** Makes room when the table is nearly full: drops what was not told, the sources with the fewest attempts first, whole levels at once. */
  prune(): void {
    if (this.rows.room > this.#limit / 16) return;
    const { table } = this.rows;
    for (let level = 1; table.size > (this.#limit * 3) / 4 && level < 0x8000_0000; level *= 2) {
      for (let row = 0; row < table.rows; row++) {
        if (!table.has(row) || (table.columns.flags[row]! & SCAN.open) !== 0) continue;
        if (table.columns.attempts[row]! > level) continue;
        this.drop(row);
        this.pruned++;
      }
    }
  }

  snapshot(): Uint8Array {
    return packSnapshot(
      {
        rows: this.rows.snapshot(),
        hosts: this.hosts.snapshot(),
        totalHosts: this.totalHosts.snapshot(),
        networks: this.networks.snapshot(),
        failed: this.failed.snapshot(),
        worked: this.worked.snapshot(),
      },
      { pruned: this.pruned },
    );
  }

  restore(state: Uint8Array): void {
    const { columns, meta } = unpackSnapshot(state);
    this.rows.restore(columns.get('rows') as Uint8Array);
    this.hosts.restore(columns.get('hosts') as Uint8Array);
    this.totalHosts.restore(columns.get('totalHosts') as Uint8Array);
    this.networks.restore(columns.get('networks') as Uint8Array);
    this.failed.restore(columns.get('failed') as Uint8Array);
    this.worked.restore(columns.get('worked') as Uint8Array);
    this.pruned = (meta as { pruned: number }).pruned;
    this.#refilter();
  }

  #refilter(): void {
    const { table } = this.rows;
    this.#filter.rebuild(table.size * 2);
    for (let row = 0; row < table.rows; row++)
      if (table.has(row)) this.#filter.add(hashWords(table.keys.keys, row * 4, 4));
  }

  #clear(row: number): void {
    this.hosts.clear(row);
    for (const counts of [this.totalHosts, this.networks, this.failed, this.worked]) counts.clear(row);
  }
}
