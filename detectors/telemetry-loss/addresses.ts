import { formatAddress, isIpv4 } from '../../src/columns/address.ts';
import type { InterfaceBatch } from '../../src/columns/interface-batch.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { keepEnds, putEnds } from '../../src/columns/own-address.ts';
import { STATE as SESSION, type SessionBatch } from '../../src/columns/session-batch.ts';
import { StateTable, u8, u32 } from '../../src/columns/state-table.ts';
import { type Interfaces, STATE } from './interfaces.ts';

/** How much is known of an interface's own address: nothing, it is one of two, it is the first of the two, no address is in all its sessions. */
const OWN = { unknown: 0, pair: 1, one: 2, none: 3 } as const;
type Row = number;

/** IPv4 and IPv6. */
const FAMILIES = [0, 1] as const;
type Family = (typeof FAMILIES)[number];

/**
 * Which interface an address belongs to (the one whose sessions all have it), and whether others log packets from it: an interface that
 * falls silent and is still seen has lost its log, one that nobody sees any more was deleted.
 */
export class Addresses {
  readonly table = new StateTable(4, Number.POSITIVE_INFINITY, {
    /** Dictionary code. */
    interfaceId: u32(),
    /** Two that speak have it: networks that overlap. Then it says nothing. */
    shared: u8(),
  });
  readonly #interfaces: Interfaces;
  readonly #precedes: (a: number, b: number) => boolean;

  constructor(interfaces: Interfaces, precedes: (a: number, b: number) => boolean) {
    this.#interfaces = interfaces;
    this.#precedes = precedes;
  }

  /** Learns from a step's sessions. Each pass ends before the next begins, so that the order of rows changes nothing. */
  look(sessions: SessionBatch, speaking: InterfaceBatch, end: number): void {
    for (let i = 0; i < sessions.length; i++) this.#learn(sessions, i);
    const rows: Row[] = [];
    for (let i = 0; i < speaking.length; i++) {
      const row = this.#interfaces.find(speaking.interfaceId[i]!);
      if (row !== NO_ROW) rows.push(row);
    }
    for (const row of rows) for (const family of FAMILIES) this.#release(row, family);
    for (const row of rows) for (const family of FAMILIES) this.#claim(row, family);
    for (let i = 0; i < sessions.length; i++) this.#witness(sessions, i, end);
  }

  /** An interface's own address as text, IPv4 first; undefined when it is not known. */
  textOf(row: Row): string | undefined {
    const { own, candidates } = this.#interfaces.table.columns;
    const family = FAMILIES.find((each) => own[row * 2 + each] === OWN.one);
    return family === undefined ? undefined : formatAddress(candidates, at(row, family));
  }

  /** Frees the addresses of an interface that is forgotten. */
  forget(row: Row): void {
    const { own, candidates } = this.#interfaces.table.columns;
    for (const family of FAMILIES)
      if (own[row * 2 + family] === OWN.one) this.#free(candidates, at(row, family));
  }

  #free(words: Uint32Array, offset: number): void {
    const owner = this.table.find(words, offset);
    if (owner !== NO_ROW) this.table.delete(owner);
  }

  /** Narrows the candidates for the address of a session's interface down to those that this session has too. */
  #learn(sessions: SessionBatch, i: number): void {
    const row = this.#interfaces.find(sessions.interfaceId[i]!);
    if (row === NO_ROW) return;
    const { own, candidates } = this.#interfaces.table.columns;
    const family = familyOf(sessions.srcAddr, i * 4);
    const known = row * 2 + family;
    const first = at(row, family);
    if (own[known] === OWN.none) return;
    if (own[known] === OWN.unknown) {
      putEnds(sessions, i, candidates, first);
      own[known] = OWN.pair;
      return;
    }
    const count = own[known] === OWN.pair ? 2 : 1;
    const kept = keepEnds(candidates, first, count, sessions, i);
    // When none is left the address stays where it is, so that it can be released.
    if (kept < count) own[known] = kept === 1 ? OWN.one : OWN.none;
  }

  #release(row: Row, family: Family): void {
    const { own, candidates } = this.#interfaces.table.columns;
    if (own[row * 2 + family] !== OWN.none) return;
    const owner = this.table.find(candidates, at(row, family));
    if (owner === NO_ROW || this.table.columns.interfaceId[owner] !== this.#interfaces.codeOf(row)) return;
    this.table.delete(owner);
  }

  #claim(row: Row, family: Family): void {
    const { own, candidates } = this.#interfaces.table.columns;
    const known = own[row * 2 + family]!;
    const offset = at(row, family);
    if (known === OWN.one || known === OWN.pair) this.#handOn(row, candidates, offset);
    if (known === OWN.pair) this.#handOn(row, candidates, offset + 4);
    if (known === OWN.one) this.#take(row, candidates, offset);
  }

  #take(row: Row, words: Uint32Array, offset: number): void {
    const code = this.#interfaces.codeOf(row);
    const owner = this.table.upsert(words, offset);
    const { interfaceId, shared } = this.table.columns;
    const before = interfaceId[owner]!;
    if (before === code) return;
    if (before !== 0 && this.#interfaces.find(before) !== NO_ROW) {
      shared[owner] = 1;
      if (this.#precedes(before, code)) return;
    }
    interfaceId[owner] = code;
  }

  /** An interface that came after the address's own one fell silent has it, or may have it: the other was deleted. */
  #handOn(row: Row, words: Uint32Array, offset: number): void {
    const owner = this.table.find(words, offset);
    if (owner === NO_ROW) return;
    const before = this.#interfaces.find(this.table.columns.interfaceId[owner]!);
    if (before === NO_ROW) return;
    const { state, packets, first, last } = this.#interfaces.table.columns;
    if (state[before] === STATE.speaks || first[row]! <= last[before]!) return;
    if (state[before] !== STATE.outage) state[before] = STATE.gone;
    packets[before] = 0;
    this.table.delete(owner);
  }

  /** Notes for both ends of a session which another interface logged that they were seen. */
  #witness(sessions: SessionBatch, i: number, end: number): void {
    if ((sessions.state[i]! & SESSION.accepted) === 0) return;
    if (sessions.stepPacketsOut[i]! > 0)
      this.#see(sessions.srcAddr, i, sessions.interfaceId[i]!, sessions.stepPacketsOut[i]!, end);
    if (sessions.stepPacketsIn[i]! > 0)
      this.#see(sessions.dstAddr, i, sessions.interfaceId[i]!, sessions.stepPacketsIn[i]!, end);
  }

  #see(addresses: Uint32Array, i: number, by: number, sent: number, end: number): void {
    const owner = this.table.find(addresses, i * 4);
    if (owner === NO_ROW) return;
    const { interfaceId, shared } = this.table.columns;
    if (interfaceId[owner] === by || shared[owner] === 1) return;
    const row = this.#interfaces.find(interfaceId[owner]!);
    if (row === NO_ROW) return;
    const c = this.#interfaces.table.columns;
    if (c.state[row] !== STATE.speaks) {
      // A pause as long as that begins anew: by then the address may be another's.
      if (end - c.witnessed[row]! > this.#interfaces.patience(row)) c.packets[row] = 0;
      if (c.packets[row] === 0) c.witnessedFrom[row] = end;
      c.packets[row] = c.packets[row]! + sent;
    }
    c.witnessed[row] = end;
  }
}

/** Where the candidates of a row and family begin. */
function at(row: Row, family: Family): number {
  return row * 16 + family * 8;
}

function familyOf(words: Uint32Array, offset: number): Family {
  return isIpv4(words, offset) ? 0 : 1;
}
