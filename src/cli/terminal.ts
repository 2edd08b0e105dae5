import { styleText } from 'node:util';
import type { Severity } from '../contracts.ts';

/** Controls, ANSI's included, and what changes direction or can't be seen: all of it can make a terminal show something else. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text from outside, for a terminal: what could move the cursor, colour, reorder or hide is shown as its escape. One line. */
export function safe(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** JSON on one line that is also {@link safe} to show. */
export function toJson(value: unknown): string {
  // JSON.stringify has escaped what lies below 0x20; the rest may be written as UTF-16 escapes inside its texts.
  return JSON.stringify(value).replace(UNSAFE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Whether a person sees standard output; colour and widths depend on it. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}

type Style = Parameters<typeof styleText>[0];

/** Styled on a terminal; plain in a pipe and with NO_COLOR. */
export function style(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

const SEVERITY_STYLES: Readonly<Record<Severity, Style>> = {
  critical: ['bold', 'red'],
  high: 'red',
  medium: 'yellow',
  low: 'cyan',
  info: 'dim',
};

export function severityText(severity: Severity): string {
  return style(SEVERITY_STYLES[severity], severity);
}

/** A whole number with separators between thousands, the same everywhere. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 record`, `1,200 records`. */
export function counted(value: number, noun: string): string {
  return `${grouped(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `2026-01-05 09:30` (UTC) of Unix seconds. */
export function minuteOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ');
}

/** Text of at most `width` characters, cut with an ellipsis. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** `5m`, `2h 10m` of seconds. */
export function lengthOf(seconds: number): string {
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ];
  const parts: string[] = [];
  let rest = Math.round(seconds);
  for (const [size, unit] of units) {
    const value = Math.floor(rest / size);
    if (value > 0 && parts.length < 2) parts.push(`${value}${unit}`);
    rest -= value * size;
  }
  return parts.join(' ') || '0s';
}

/** How this program is called where it runs: from a checkout or installed. */
export const COMMAND = import.meta.url.endsWith('.ts') ? 'npx flowsentry' : 'flowsentry';

/** An argument as a POSIX shell reads it. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  // Easier to read where the text has single quotes, as SQL does.
  if (text.includes("'") && !/["$`\\!]/.test(text)) return `"${safe(text)}"`;
  return `'${safe(text).replaceAll("'", `'\\''`)}'`;
}

/** Writes data to standard output; a line end is added. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Tells the person something that is not data: standard error. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
