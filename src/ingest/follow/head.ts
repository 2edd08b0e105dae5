import { createHash } from 'node:crypto';

/** So much of a file's beginning can be its header line. */
export const HEADER_BYTES = 16 << 10;
/** A file's beginning by which it is known again: one that was truncated may have grown past where we were before anybody looked. */
export const BEGIN_BYTES = 1024;
const NEWLINE = 10;

/** Length and hash of the first bytes of a file. */
export function beginOf(head: Buffer, length: number): string {
  return `${length} ${createHash('sha256').update(head.subarray(0, length)).digest('base64url')}`;
}

/** Whether the file is compressed or Parquet. */
export function isWhole(head: Buffer): boolean {
  return (head[0] === 0x1f && head[1] === 0x8b) || head.subarray(0, 4).toString('latin1') === 'PAR1';
}

/** The first line when it names fields: it holds for all lines, also for those read after a restart. */
export function headerOf(head: Buffer): string | undefined {
  const end = head.indexOf(NEWLINE);
  const line = head.subarray(0, Math.max(end, 0)).toString('latin1').trim();
  return /^[a-z$]/.test(line) ? line : undefined;
}
