import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** One row of a truth file: who attacked whom, and when. */
export interface TruthRow {
  readonly type: string;
  readonly src: string;
  /** Empty: more than one, or nobody in particular. */
  readonly dst: string;
  /** What the row counts as when attacks are counted: `type src`, with `dst` for command and control, with the start for a volume series. */
  readonly attack: string;
  /** Unix seconds. */
  readonly from: number;
  readonly to: number;
}

/** Bits: whose traffic was seen of a pair or host. */
export const MARK = { benign: 1, unlabelled: 2, attack: 4 } as const;
const MARK_OF: Readonly<Record<string, number>> = { B: MARK.benign, U: MARK.unlabelled, M: MARK.attack };

/** Connections of distinct times that RITA v5 asks for. */
const RITA_BEGINNINGS = 4;

/** What is known of the traffic of a set beyond the traffic. */
export interface LabelledSet {
  readonly name: string;
  readonly log: string;
  readonly truth: readonly TruthRow[];
  /** Whether lines have labels of their own. */
  readonly labelled: boolean;
  /** {@link MARK} bits by {@link pairKey} and by address. */
  readonly pairs: ReadonlyMap<string, number>;
  readonly hosts: ReadonlyMap<string, number>;
  /** Pairs with records of at least four beginnings: those that RITA would score. */
  readonly regularPairs: number;
  /** Interfaces × days, an hour at least. */
  readonly hostDays: number;
  readonly days: number;
}

/** A pair of addresses, whichever of them began. */
export function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** Names of the sets of a folder: `<set>.log.gz`. */
export async function setNames(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  return files.flatMap((file) => (file.endsWith('.log.gz') ? [file.slice(0, -'.log.gz'.length)] : [])).sort();
}

/** A set of a folder: `<set>.log.gz`, and if they are there `<set>.labels.gz` (a label a line) and `<set>.truth.csv`. */
export async function readSet(folder: string, name: string): Promise<LabelledSet> {
  const at = join(folder, name);
  const truth = existsSync(`${at}.truth.csv`) ? readTruth(await readFile(`${at}.truth.csv`, 'utf8')) : [];
  const labels = existsSync(`${at}.labels.gz`) ? `${at}.labels.gz` : undefined;
  return { name, log: `${at}.log.gz`, truth, labelled: labels !== undefined, ...(await survey(at, labels)) };
}

/** Rows of a truth file, whose header names the columns. */
export function readTruth(csv: string): TruthRow[] {
  const [header = '', ...lines] = csv.trim().split(/\r?\n/);
  const names = header.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    const cell = (name: string): string => cells[names.indexOf(name)] ?? '';
    const [type, src, dst, start] = [cell('attack_type'), cell('src'), cell('dst'), cell('start')];
    const apart = [type.startsWith('c2') ? dst : '', cell('series') === '' ? '' : start];
    const attack = [type, src, ...apart].filter((part) => part !== '').join(' ');
    return { type, src, dst, attack, from: Number(start), to: Number(cell('end')) };
  });
}

/** Reads the records (default format) and their labels once. */
async function survey(at: string, labels: string | undefined) {
  const pairs = new Map<string, number>();
  const hosts = new Map<string, number>();
  const begun = new Map<string, { readonly start: string; readonly count: number }>();
  const interfaces = new Set<string>();
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  const label = labels === undefined ? undefined : lines(labels)[Symbol.asyncIterator]();
  for await (const line of lines(`${at}.log.gz`)) {
    const mark = label === undefined ? 'U' : String((await label.next()).value).charAt(0);
    const fields = line.split(' ');
    if (fields[13] !== 'OK') continue;
    const [, , eni = '', src = '', dst = '', , , , , , start = '', end] = fields;
    const bit = MARK_OF[mark] ?? 0;
    const pair = pairKey(src, dst);
    pairs.set(pair, (pairs.get(pair) ?? 0) | bit);
    const { start: before, count } = begun.get(pair) ?? { start: '', count: 0 };
    if (start !== before) begun.set(pair, { start, count: count + 1 });
    for (const host of [src, dst]) hosts.set(host, (hosts.get(host) ?? 0) | bit);
    interfaces.add(eni);
    first = Math.min(first, Number(start));
    last = Math.max(last, Number(end));
  }
  const days = (last - first) / 86_400;
  const regularPairs = [...begun.values()].filter(({ count }) => count >= RITA_BEGINNINGS).length;
  return { pairs, hosts, regularPairs, days, hostDays: interfaces.size * Math.max(days, 1 / 24) };
}

function lines(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path).pipe(createGunzip()) });
}
