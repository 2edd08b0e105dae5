import { styleText } from 'node:util';
import { UserError } from './errors.ts';

/** Controls, ANSI's included, and what changes direction or can't be seen: all of it can make a terminal show something else. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Names of values that nobody may see, at any depth: the last net, not the first. */
const SECRET_NAME =
  /pass(?:word|phrase|wd)|secret|token|authori[sz]ation|cookie|credential|api.?key|access.?key|private.?key|routing.?key|signature/i;
/** Names that would match but are harmless, and worth reading. */
const HARMLESS_NAME = /^(?:tokens|tokenName|nextToken|accessKeyId)$/;
/** Fields that each line has. */
const RESERVED = new Set(['level', 'time', 'message']);
const MAX_TEXT = 4096;
const MAX_FIELDS = 64;
const MAX_DEPTH = 4;

const SECRET_TEXTS: readonly [RegExp, string][] = [
  // user:password@host of a URL
  [/(\b[a-z][a-z\d+.-]{1,20}:\/\/)[^\s/@"']{1,512}@/gi, '$1[secret]@'],
  // Queries carry tokens and signatures; a log needs the address, not the question.
  [/(\bhttps?:\/\/[^\s?"'<>]{1,2048})\?[^\s"'<>]{1,4096}/gi, '$1?[secret]'],
  [/(\bhttps:\/\/hooks\.slack(?:-gov)?\.com\/)[^\s"'<>]{1,512}/gi, '$1[secret]'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,4096}/gi, '$1 [secret]'],
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g, '[secret]'],
  [/\b(?:xox[a-z]-[\w-]{8,}|flowsentry_[\w-]{20,}|whsec_[\w+/=-]{8,})/g, '[secret]'],
];

/** Text without what looks like a secret. */
function withoutSecrets(text: string): string {
  let result = text;
  for (const [pattern, replacement] of SECRET_TEXTS) result = result.replace(pattern, replacement);
  return result;
}

function plainText(text: string): string {
  const part = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
  return withoutSecrets(part);
}

/** An error for a log: name, code, message, causes, and where it comes from unless it is one for the person at the keyboard. */
function plainError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: plainText(error.message),
    ...(error instanceof UserError || error.stack === undefined ? {} : { stack: stackOf(error) }),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: plain(error.errors, depth + 1) } : {}),
  };
}

/** The frames alone: the message is there already, and may hold what must be hidden. */
function stackOf(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return frames.slice(0, 20).join('\n');
}

function plain(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string') return plainText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return undefined;
  if (depth > MAX_DEPTH) return '[deeper]';
  if (value instanceof Error) return plainError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString();
  if (value instanceof URL) return plainText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  // What says of itself how it is written is believed: secrets say `[secret]`.
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON(), depth + 1);
  if (value instanceof Set || Array.isArray(value))
    return [...value].slice(0, MAX_FIELDS).map((item) => plain(item, depth + 1));
  return plainFields(value instanceof Map ? value : Object.entries(value), depth);
}

function plainFields(entries: Iterable<readonly [unknown, unknown]>, depth: number): Record<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [key, value] of entries) {
    if (fields.size >= MAX_FIELDS) break;
    const name = plainText(String(key));
    fields.set(name, isSecretName(name) ? '[secret]' : plain(value, depth + 1));
  }
  return Object.fromEntries(fields);
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !HARMLESS_NAME.test(name);
}

/** Values that JSON can hold, bounded in size and depth, without what looks like a secret. Never throws. */
export function plainDetails(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  try {
    return plainFields(
      Object.entries(details).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value] as const),
      0,
    );
  } catch (error) {
    return { unreadable: error instanceof Error ? error.name : 'details' };
  }
}

/** A line of JSON with each of `secrets` replaced, as it is and as JSON escapes it. */
export function hideSecrets(line: string, secrets: ReadonlySet<string>): string {
  let result = line;
  for (const secret of secrets) {
    result = result.replaceAll(JSON.stringify(secret).slice(1, -1), '[secret]');
    if (result.includes(secret)) result = result.replaceAll(secret, '[secret]');
  }
  return result;
}

/** A line of JSON in which nothing can move a cursor, hide or reorder text. It means the same. */
export function escapeJson(line: string): string {
  const end = line.endsWith('\n') ? '\n' : '';
  // What lies below 0x20 is escaped already; the rest only occurs inside texts, where UTF-16 escapes are allowed.
  const body = line.slice(0, line.length - end.length).replace(UNSAFE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
  return body + end;
}

const LEVEL_STYLES: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
  debug: 'dim',
  info: 'cyan',
  warn: 'yellow',
  error: ['bold', 'red'],
};

/** A line of JSON that {@link escapeJson} made, for people: time, level, message, then the values. One line, escapes kept. */
export function formatForTerminal(line: string): string {
  const { time, level, message, ...details } = JSON.parse(line) as Record<string, unknown>;
  const name = String(level);
  const head = styleText(LEVEL_STYLES[name] ?? 'reset', name.padEnd(5), { stream: process.stderr });
  const values = Object.entries(details).map(([key, value]) => `${shown(key)}=${shown(value)}`);
  return `${String(time)} ${head} ${[shownText(String(message)), ...values].join('  ')}\n`;
}

function shown(value: unknown): string {
  if (typeof value === 'string')
    return /^[\w.:/@%+,-]+$/.test(value) ? value : escapeJson(JSON.stringify(value));
  return escapeJson(JSON.stringify(value));
}

function shownText(text: string): string {
  return escapeJson(JSON.stringify(text)).slice(1, -1);
}
