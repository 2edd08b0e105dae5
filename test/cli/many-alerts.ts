import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logLine } from './run.ts';

/** Seconds after which what was found is closed and judged: the lateness, and a step. */
const SETTLED = 900;
/** Seconds after which bad-ip is quiet. */
const QUIET = 2 * 86_400;
/** A leap in time is believed when so many records stand behind it. */
const BELIEVED = 40;

/** Settings with a list of one bad address, beside `folder`'s configuration. */
export function listed(folder: string): string {
  writeFileSync(join(folder, 'bad.txt'), '198.51.100.23\n');
  return 'feeds: [{name: listed, file: bad.txt, category: botnet, confidence: 90}]\n';
}

/** Records that let time go on to a second. */
function tick(second: number): string {
  const line = logLine('10.9.9.9', '10.9.9.8', 443, 'ACCEPT', second);
  return `${Array.from({ length: BELIEVED }, () => line).join('\n')}\n`;
}

/** Records that make an alert for each host from `from` up to `to`, in a minute of their own. */
export function contacts(from: number, to: number, minute: number): string {
  const lines = Array.from({ length: to - from }, (_, i) => {
    const host = from + i;
    return logLine(`10.1.${host >> 8}.${host & 255}`, '198.51.100.23', 443, 'ACCEPT', minute * 60);
  });
  return `${lines.join('\n')}\n${tick(minute * 60 + SETTLED)}`;
}

/** Records after which all of them have resolved. */
export function quiet(minute: number): string {
  return tick(minute * 60 + QUIET) + tick(minute * 60 + QUIET + SETTLED);
}
