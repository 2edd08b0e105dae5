import { link, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { type Damaged, damageOf } from './checksums.ts';
import type { Segment } from './messages.ts';
import { makeDurable } from './segment-file.ts';

/** Where damaged files are kept for whoever wants to look at them; nothing reads them again. */
export const DAMAGED_FOLDER = 'damaged';

/** What went with damaged files of the history. */
export interface HistoryLoss {
  readonly files: number;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  /** Event times, Unix seconds, of the first and last of them. */
  readonly from: number;
  readonly to: number;
  /** Of the first file. */
  readonly reason: string;
}

/** The damaged ones among segments. `quickly`: only whether they are there, at their length. */
export async function findDamaged(
  dataDir: string,
  segments: Iterable<Segment>,
  quickly = false,
): Promise<Damaged[]> {
  const damaged: Damaged[] = [];
  for (const segment of segments) {
    const damage = await damageOf(dataDir, segment, quickly ? [] : undefined);
    if (damage !== undefined) damaged.push(damage);
  }
  return damaged;
}

/**
 * Throws when most of the files are gone: rather than they, a disk or a link to it is missing, and whoever took them for lost would delete
 * them when it comes back.
 */
export function refuseMissing(
  dataDir: string,
  segments: readonly Segment[],
  damaged: readonly Damaged[],
): void {
  const gone = damaged.filter(({ isGone }) => isGone).length;
  if (gone > segments.length / 2)
    throw new UserError(
      `cannot use data folder ${dataDir}: ${gone} of the ${segments.length} files of its history are gone; put them back (is a disk not mounted?), or begin anew in another folder`,
    );
}

/** Gives damaged files a second name, under which they stay when the history has them no longer. */
export async function keepDamaged(dataDir: string, damaged: readonly Damaged[]): Promise<void> {
  const folder = join(dataDir, DAMAGED_FOLDER);
  await mkdir(folder, { recursive: true });
  for (const { segment, isGone } of damaged) {
    if (isGone) continue;
    const name = segment.path.split('/').slice(1).join('_');
    await link(join(dataDir, segment.path), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  await makeDurable(folder);
}

export function lossOf(damaged: readonly Damaged[]): HistoryLoss {
  const rows: Record<string, number> = {};
  for (const { segment } of damaged) rows[segment.table] = (rows[segment.table] ?? 0) + segment.rows;
  const segments = damaged.map(({ segment }) => segment);
  return {
    files: damaged.length,
    rows,
    from: segments.reduce((least, { minTime }) => Math.min(least, minTime), Number.POSITIVE_INFINITY),
    to: segments.reduce((most, { maxTime }) => Math.max(most, maxTime), 0),
    reason: damaged[0]?.reason ?? '',
  };
}

/** The loss for a person. */
export function lossText({ files, rows, from, to, reason }: HistoryLoss, isPutAside = true): string {
  const [first, last] = [from, to].map((time) => new Date(time * 1000).toISOString());
  const counts = Object.entries(rows).map(([table, count]) => `${count} ${table}`);
  const what = isPutAside ? `were put aside in ${DAMAGED_FOLDER}/` : 'are to be put aside with --put-aside';
  return `data is lost: ${counts.join(', ')} from ${first} to ${last}; ${files} damaged files of the history (${reason}) ${what}`;
}

/** Bytes that are checked each time maintenance runs: a day of every ten minutes checks 36 GB. */
const SHARE = 256 << 20;

/** Hands out a share of the segments at each call, all of them in turn. */
export function createTurns(): (segments: readonly Segment[]) => Segment[] {
  let last = '';
  return (segments) => {
    const ordered = segments.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    const first = ordered.findIndex(({ path }) => path > last);
    const turn: Segment[] = [];
    let bytes = 0;
    for (const segment of [...ordered.slice(Math.max(0, first)), ...ordered.slice(0, Math.max(0, first))]) {
      if (bytes > 0 && bytes + segment.bytes > SHARE) break;
      bytes += segment.bytes;
      turn.push(segment);
      last = segment.path;
    }
    return turn;
  };
}
