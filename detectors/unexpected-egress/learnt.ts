import { NO_ROW } from '../../src/columns/key-table.ts';
import type { DetectorContext, Learnt } from '../../src/contracts.ts';
import type { Knowledge } from './knowledge.ts';

/** What roles have learnt. A role is kept as a hash, so its name is that of a subject that has it; roles without one have none any more. */
export function learntBy(
  { subjects, roles }: Knowledge,
  roleOf: DetectorContext['roleOf'],
  isKnown: (roleRow: number) => boolean,
): Learnt[] {
  const members = new Map<number, { readonly name: string; subjects: number }>();
  for (let row = 0; row < subjects.rows; row++) {
    if (!subjects.has(row)) continue;
    const role = roles.find(subjects.columns.role, row * 2);
    if (role === NO_ROW) continue;
    const known = members.get(role);
    if (known === undefined) members.set(role, { name: roleOf(subjects.keys.keys, row * 4), subjects: 1 });
    else known.subjects++;
  }
  const { since, lostAt, destinations, ports } = roles.columns;
  return [...members]
    .map(([row, { name, subjects: count }]) => ({
      about: `role ${name}`,
      since: Math.max(since[row]!, lostAt[row]!),
      isKnown: isKnown(row),
      counts: { subjects: count, destinations: destinations[row]!, ports: ports[row]! },
    }))
    .sort((a, b) => (a.about < b.about ? -1 : 1));
}
