import { randomUUID } from 'node:crypto';
import { SEVERITIES } from '../../contracts.ts';
import type { Live, Roster } from './roster.ts';
import type { Standing } from './unit.ts';

interface Ranked {
  readonly key: string;
  readonly live: Live;
  readonly rank: number;
}

/**
 * More units are due than anybody would read: the worst stay, and of the others those of which nothing was told yet become one, a digest. What was
 * told before keeps its unit, since whoever opened something has to close it. Returns the keys that are left, the worst first.
 */
export function fold(
  roster: Roster,
  due: readonly string[],
  single: number,
  standingOf: (id: string) => Standing | undefined,
  now: number,
): string[] {
  const ranked = due.flatMap((key): Ranked[] => {
    const live = roster.units.get(key);
    return live === undefined ? [] : [{ key, live, rank: rankOf(live, standingOf) }];
  });
  ranked.sort((a, b) => b.rank - a.rank || a.live.due - b.live.due);
  const isFree = ({ live }: Ranked) => live.record.sent === 0 && live.record.digest === undefined;
  const kept = new Set(ranked.filter(isFree).slice(0, Math.max(0, single - 1)));
  const folded = ranked.filter((one) => isFree(one) && !kept.has(one));
  const [first] = folded;
  if (folded.length < 2 || first === undefined) return ranked.map(({ key }) => key);

  const key = digestKey(roster);
  const { timing, route } = first.live.record;
  const digest = roster.open(key, { timing, route, labels: {}, opened: now, sent: 0, digest: true });
  for (const { key: from, live } of folded) {
    for (const id of live.members) {
      digest.members.add(id);
      roster.put(id, { ...roster.members.get(id)!, unit: key });
    }
    for (const id of live.pending) digest.pending.add(id);
    roster.remove(from);
  }
  digest.due = now;
  roster.pending.add(key);
  const left = ranked.filter((one) => !folded.includes(one)).map((one) => one.key);
  return left.includes(key) ? left : [...left, key];
}

/** The digest that nobody was told of yet, or a new one. */
export function digestKey({ pending, units }: Roster): string {
  for (const key of pending) {
    const live = units.get(key);
    if (live?.record.digest === true && live.record.sent === 0 && !live.busy) return key;
  }
  return `digest-${randomUUID().slice(0, 18)}`;
}

/** The worst severity that waits in a unit. */
function rankOf(live: Live, standingOf: (id: string) => Standing | undefined): number {
  let rank = 0;
  for (const id of live.pending) {
    const severity = standingOf(id)?.alert.severity;
    if (severity !== undefined) rank = Math.max(rank, SEVERITIES.indexOf(severity));
  }
  return rank;
}
