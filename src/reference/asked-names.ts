import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { packSnapshot, unpackSnapshot } from '../columns/snapshot.ts';
import { compareTexts } from '../columns/text-order.ts';
import type { NameAnswer, Stateful } from '../contracts.ts';

/** A pair is known for one to two of these, in seconds: programs keep connections, and answers longer than their time to live. */
const GENERATION = 6 * 3600;
/** Pairs of a client and an address in a generation. */
const MAX_PAIRS = 131_072;
/** Answers that wait for their step. */
const MAX_WAITING = 1_000_000;
/** Names of a pair: many names lead to the addresses of a content network. */
const MAX_NAMES = 4;
/** Seconds ahead of event time that an answer may lie: what lies further is a clock that is wrong. */
const MAX_AHEAD = 3600;

/** A name and when it was asked for, first and last, Unix seconds. */
type Asked = [name: string, first: number, last: number];
type Pairs = Map<string, Asked[]>;

/**
 * For which names clients were given which addresses. Answers take effect with the step they belong to, in an order of their own, so that what
 * is known at a step depends on no arrival; memory is bounded, and what finds no place is counted.
 */
export interface AskedNames extends Stateful {
  /** Pairs that are known. */
  readonly size: number;
  readonly overflow: number;
  add(answers: readonly NameAnswer[]): void;
  /** A step begins that holds `time`, Unix seconds. */
  advance(time: number): void;
  /** Names that led `client` to `address`, asked for by `time`, the last one first. Canonical texts of addresses. */
  find(client: string, address: string, time: number): string[];
}

/** `saved`: what an earlier one knew. */
export function createAskedNames(saved?: Uint8Array, maxPairs = MAX_PAIRS): AskedNames {
  let waiting: NameAnswer[] = [];
  let current: Pairs = new Map();
  let before: Pairs = new Map();
  let packedBefore: Uint8Array | undefined;
  let generation = 0;
  let overflow = 0;

  const turn = (time: number): void => {
    const next = Math.floor(time / GENERATION);
    if (next <= generation) return;
    before = next === generation + 1 ? current : new Map();
    current = new Map();
    packedBefore = undefined;
    generation = next;
  };
  const note = ({ client, address, name, at }: NameAnswer): void => {
    const key = `${client} ${address}`;
    const known = current.get(key);
    if (known === undefined) {
      if (current.size >= maxPairs) overflow++;
      else current.set(key, [[name, at, at]]);
      return;
    }
    const same = known.find(([one]) => one === name);
    if (same !== undefined) {
      same[1] = Math.min(same[1], at);
      same[2] = Math.max(same[2], at);
      return;
    }
    known.push([name, at, at]);
    if (known.length <= MAX_NAMES) return;
    known.sort(byLast);
    known.pop();
  };
  const names: AskedNames = {
    get size() {
      return current.size + before.size;
    },
    get overflow() {
      return overflow;
    },
    add(answers) {
      for (const answer of answers)
        if (waiting.length < MAX_WAITING) waiting.push(answer);
        else overflow++;
    },
    advance(time) {
      turn(time);
      if (waiting.length === 0) return;
      const due = waiting.filter(({ at }) => at <= time).sort(byContent);
      const later = waiting.filter(({ at }) => at > time);
      waiting = later.filter(({ at }) => at <= time + MAX_AHEAD);
      overflow += later.length - waiting.length;
      for (const answer of due) note(answer);
    },
    find(client, address, time) {
      const key = `${client} ${address}`;
      const all = [...(current.get(key) ?? []), ...(before.get(key) ?? [])].filter(
        ([, first]) => first <= time,
      );
      return [...new Set(all.sort(byLast).map(([name]) => name))].slice(0, MAX_NAMES);
    },
    snapshot() {
      packedBefore ??= packed([...before]);
      return packSnapshot(
        { current: packed([...current]), before: packedBefore, waiting: packed(waiting) },
        { generation, overflow },
      );
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      const read = (name: string): unknown =>
        JSON.parse(zstdDecompressSync(columns.get(name) as Uint8Array).toString());
      current = new Map(read('current') as [string, Asked[]][]);
      before = new Map(read('before') as [string, Asked[]][]);
      waiting = read('waiting') as NameAnswer[];
      packedBefore = undefined;
      ({ generation, overflow } = meta as { generation: number; overflow: number });
    },
  };
  if (saved !== undefined) names.restore(saved);
  return names;
}

function packed(value: unknown): Uint8Array {
  return new Uint8Array(zstdCompressSync(JSON.stringify(value)));
}

/** The last one first; of those asked for at once in one order. */
function byLast(a: Asked, b: Asked): number {
  return b[2] - a[2] || compareTexts(a[0], b[0]);
}

function byContent(a: NameAnswer, b: NameAnswer): number {
  return (
    a.at - b.at ||
    compareTexts(a.client, b.client) ||
    compareTexts(a.address, b.address) ||
    compareTexts(a.name, b.name)
  );
}
