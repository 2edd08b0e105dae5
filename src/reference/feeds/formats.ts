import { splitCells } from '../csv-cells.ts';
import { type EntryFacts, FeedEntries } from './entries.ts';
import { walkJson } from './json.ts';
import { eachNetwork, hostOfUrl } from './network.ts';
import { type FeedDefaults, type FeedRecord, factsOf, isHeader, networkText, normalName } from './record.ts';

/** A feed's text read: its networks, and how much of it was understood. */
export interface ParsedFeed {
  readonly entries: FeedEntries;
  /** Lines or records that should hold a network. */
  readonly total: number;
  /** Those of them that do not. */
  readonly bad: number;
  /** The first of those, for the message. */
  readonly example: string;
  /** It has no line of an entry, and a last one that says so. */
  readonly saysEmpty: boolean;
}

interface Tally {
  readonly entries: FeedEntries;
  readonly passOver: FeedDefaults['passOver'];
  total: number;
  bad: number;
  example: string;
  saysEmpty: boolean;
}

/** abuse.ch ends a list so, by which one that is empty can be told from one that is cut off. */
const EMPTY = /^#\s*END\s+\(?0\)?\s+entries\s*$/i;
const EXAMPLE_LENGTH = 60;
const UNDATED = { expires: 0, seen: 0 };

/**
 * Reads a feed of any known format, told apart by content: plain lists (addresses, CIDRs, ranges, address:port, with comments), CSV with
 * or without header, JSON, JSON lines, STIX 2.1. Never throws; what is no network is counted.
 */
export function parseFeed(text: string, defaults: FeedDefaults): ParsedFeed {
  const tally: Tally = {
    entries: new FeedEntries(),
    passOver: defaults.passOver,
    ...{ total: 0, bad: 0, example: '', saysEmpty: false },
  };
  const start = /\S/.exec(text)?.[0];
  if (start === '{' || start === '[') {
    if (!parseWholeJson(text, tally, defaults)) parseLines(text, tally, defaults);
  } else parseLines(text, tally, defaults);
  return tally;
}

function take(text: string, facts: EntryFacts, tally: Tally): void {
  const { entries, passOver } = tally;
  const add = (words: Uint32Array, length: number): void => {
    if (passOver?.(words, length) !== true) entries.add(words, 0, length, facts);
  };
  const host = hostOfUrl(text);
  if (host !== undefined) {
    // A URL with a name for a host is nothing that flow logs show, and nothing wrong.
    if (eachNetwork(host, add)) tally.total++;
    return;
  }
  tally.total++;
  if (eachNetwork(text, add)) return;
  tally.bad++;
  if (tally.example === '') tally.example = text.slice(0, EXAMPLE_LENGTH);
}

function takeRecord(record: FeedRecord, tally: Tally, defaults: FeedDefaults): boolean {
  const text = networkText(record);
  if (text === undefined) return false;
  take(text, factsOf(record, defaults), tally);
  return true;
}

function parseWholeJson(text: string, tally: Tally, defaults: FeedDefaults): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  takeJson(value, tally, defaults);
  return true;
}

function takeJson(value: unknown, tally: Tally, defaults: FeedDefaults): void {
  const plain = { ...defaults, ...UNDATED };
  walkJson(value, {
    record: (record) => takeRecord(record, tally, defaults),
    text: (text) => take(text, plain, tally),
    stix(networks, facts) {
      for (const network of networks)
        take(
          network,
          {
            category: facts.category ?? defaults.category,
            confidence: facts.confidence ?? defaults.confidence,
            expires: facts.expires,
            seen: 0,
          },
          tally,
        );
    },
  });
}

function parseLines(text: string, tally: Tally, defaults: FeedDefaults): void {
  const plain: EntryFacts = { ...defaults, ...UNDATED };
  let header: Header | undefined;
  let hasEntries = false;
  let from = 0;
  while (from < text.length) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const line = text.slice(from, to).trim();
    from = to + 1;
    if (line === '') continue;
    if (line.startsWith('#') || line.startsWith('//') || line.startsWith(';')) {
      if (!hasEntries && EMPTY.test(line)) tally.saysEmpty = true;
      // abuse.ch puts the header of its CSV into the last comment line.
      header ??= headerOf(line.replace(/^[#/;\s]+/, ''), true);
      continue;
    }
    if (header === undefined && tally.total === 0 && !line.startsWith('{')) {
      header = headerOf(line, false);
      if (header !== undefined) continue;
    }
    hasEntries = true;
    tally.saysEmpty = false;
    if (line.startsWith('{')) {
      if (!parseWholeJson(line, tally, defaults)) take(line, plain, tally);
      continue;
    }
    if (header !== undefined) takeRecord(recordOf(line, header), tally, defaults);
    else take(networkOfLine(line), plain, tally);
  }
}

interface Header {
  readonly delimiter: string;
  readonly names: readonly string[];
}

function headerOf(line: string, inComment: boolean): Header | undefined {
  const delimiter = [',', '\t', ';', '|'].find((candidate) => line.includes(candidate)) ?? ',';
  const names = splitCells(line, delimiter).map(normalName);
  // A comment of one word is a comment.
  if (inComment && names.length < 2) return undefined;
  return isHeader(names) ? { delimiter, names } : undefined;
}

function recordOf(line: string, { delimiter, names }: Header): FeedRecord {
  const record = new Map<string, string>();
  const cells = splitCells(line, delimiter);
  for (const [i, name] of names.entries()) {
    const cell = cells[i];
    if (cell !== undefined && !record.has(name)) record.set(name, cell);
  }
  return record;
}

/** What of a line without header should be the network: the first cell or word, or the first two as a range (DShield). */
function networkOfLine(line: string): string {
  if (!/[#;,|"\s]/.test(line)) return line;
  const end = line.search(/[#;,|]|\s\/\//);
  const cell = (end < 0 ? line : line.slice(0, end)).replaceAll('"', '').trim();
  if (!/\s/.test(cell)) return cell;
  const [first = '', second = '', third = ''] = cell.split(/\s+/);
  if (second === '-') return `${first}-${third}`;
  return /^\d+\.\d+\.\d+\.\d+$/.test(first) && /^\d+\.\d+\.\d+\.\d+$/.test(second)
    ? `${first}-${second}`
    : first;
}
