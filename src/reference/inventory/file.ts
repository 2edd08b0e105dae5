import { z } from 'zod';
import { formatPrefix, parsePrefix } from '../../columns/address.ts';
import type { InventoryEntry } from '../../contracts.ts';
import { ConfigError } from '../../errors.ts';
import { splitCells } from '../csv-cells.ts';
import { secondsOf } from '../feeds/record.ts';
import { explainMissing, type Problem, readYaml, toProblems } from '../yaml-file.ts';

/** What AWS allows: 50 tags, keys of 128 characters, values of 256. */
const MOST = { tags: 50, key: 128, value: 256, addresses: 4096, groups: 100 };

const text = z.string().min(1).max(MOST.value);
const address = z
  .string()
  .refine((value) => parsePrefix(value) !== undefined, 'not an address or network, such as 10.0.3.7')
  .transform(canonical);
const time = z
  .string()
  .refine((value) => secondsOf(value) > 0, 'not an ISO 8601 date or time')
  .transform(secondsOf);

/** One entry as it is written in a file. */
const Entry = z
  .strictObject({
    id: text.optional(),
    name: text.optional(),
    addresses: z.array(address).min(1).max(MOST.addresses),
    interface: text.optional(),
    role: text.optional(),
    account: text.optional(),
    region: text.optional(),
    vpc: text.optional(),
    subnet: text.optional(),
    securityGroups: z.array(text).max(MOST.groups).optional(),
    tags: z
      .record(z.string().min(1).max(MOST.key), z.string().max(MOST.value))
      .refine((tags) => Object.keys(tags).length <= MOST.tags, `more than ${MOST.tags} tags`)
      .default({}),
    from: time.optional(),
    to: time.optional(),
  })
  .refine(
    ({ id, interface: its, name }) => (id ?? its ?? name) !== undefined,
    'needs an id, interface or name',
  )
  .refine(({ from = 0, to }) => to === undefined || from < to, 'ends before it begins')
  .transform(({ id, from = 0, ...rest }): InventoryEntry => {
    const given = Object.entries({ ...rest, from }).filter(([, value]) => value !== undefined);
    return { id: id ?? rest.interface ?? rest.name ?? '', ...Object.fromEntries(given) } as InventoryEntry;
  });
const Entries = z.array(Entry);

/**
 * Reads an inventory: a list of entries as YAML or JSON, an entry a line as JSON (`.jsonl`), or a table (`.csv`) with the same names as
 * columns, several addresses of a cell apart by blanks, and tags as `tag:NAME`. Throws a {@link ConfigError} that lists every problem with
 * the line it is on.
 */
export function readInventory(content: string, file: string): InventoryEntry[] {
  if (/\.csv$/i.test(file)) return read(rowsOf(content, file), (problems) => refuseLines(file, problems));
  if (/\.jsonl$/i.test(file)) return read(lines(content, file), (problems) => refuseLines(file, problems));
  // The YAML library is slow: a JSON file of a large fleet takes seconds, and goes to it only to say where it is wrong.
  const parsed = Entries.safeParse(jsonOf(content));
  if (parsed.success) return parsed.data;
  const { content: list, refuse } = readYaml(content, file);
  return read({ list: list ?? [], lines: [] }, refuse);
}

/** An entry as a file may have it. */
export function entryText({ from, to, ...entry }: InventoryEntry): string {
  const times = {
    ...(from > 0 ? { from: isoTime(from) } : {}),
    ...(to === undefined ? {} : { to: isoTime(to) }),
  };
  return JSON.stringify({ ...entry, ...times });
}

/** Whether an entry held at a time, Unix seconds. */
export function isHeldAt({ from, to }: InventoryEntry, time: number): boolean {
  return from <= time && (to === undefined || time < to);
}

interface Listed {
  readonly list: unknown;
  /** Line of each entry, where an entry has one. */
  readonly lines: readonly number[];
}

function read(listed: Listed, refuse: (problems: readonly Problem[]) => ConfigError): InventoryEntry[] {
  const parsed = Entries.safeParse(listed.list, { error: explainMissing });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(toProblems);
  if (listed.lines.length === 0) throw refuse(problems);
  throw refuse(
    problems.map(({ path: [index = 0, ...path], message }) => ({
      path: [listed.lines[Number(index)] ?? 0, ...path],
      message,
    })),
  );
}

function refuseLines(file: string, problems: readonly Problem[]): ConfigError {
  return new ConfigError(
    file,
    problems.map(({ path: [line = 1, ...path], message }) =>
      [`line ${String(line)}`, `${path.join('.') || 'entry'}: ${message}`].join('  '),
    ),
  );
}

function jsonOf(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function lines(content: string, file: string): Listed {
  const list: unknown[] = [];
  const numbers: number[] = [];
  for (const [index, line] of content.split('\n').entries()) {
    if (line.trim() === '') continue;
    const value = jsonOf(line);
    if (value === undefined)
      throw refuseLines(file, [{ path: [index + 1], message: 'not JSON, which a line has to be' }]);
    list.push(value);
    numbers.push(index + 1);
  }
  return { list, lines: numbers };
}

/** Columns whose cells hold several values. */
const LISTS = new Set(['addresses', 'securityGroups']);
const TAG = 'tag:';

function rowsOf(content: string, file: string): Listed {
  const list: unknown[] = [];
  const numbers: number[] = [];
  let names: readonly string[] | undefined;
  for (const [index, line] of content
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const cells = splitCells(line.trim(), ',');
    if (names === undefined) {
      names = cells;
      continue;
    }
    if (cells.length > names.length)
      throw refuseLines(file, [
        { path: [index + 1], message: `${cells.length} cells, but ${names.length} columns` },
      ]);
    list.push(rowOf(names, cells));
    numbers.push(index + 1);
  }
  return { list, lines: numbers };
}

/** An empty cell is no value. */
function rowOf(names: readonly string[], cells: readonly string[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  const tags: [string, string][] = [];
  for (const [i, name] of names.entries()) {
    const cell = cells[i] ?? '';
    if (cell === '') continue;
    if (name.startsWith(TAG)) tags.push([name.slice(TAG.length), cell]);
    else row[name] = LISTS.has(name) ? cell.split(/\s+/) : cell;
  }
  return { ...row, tags: Object.fromEntries(tags) };
}

function canonical(value: string): string {
  const prefix = parsePrefix(value);
  return prefix === undefined ? value : addressText(formatPrefix(prefix));
}

/** A network of one address as that address. */
function addressText(network: string): string {
  const slash = network.indexOf('/');
  return network.slice(slash) === (network.includes(':') ? '/128' : '/32')
    ? network.slice(0, slash)
    : network;
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
