import { NO_ROW } from '../../src/columns/key-table.ts';
import type { DetectorContext } from '../../src/contracts.ts';
import { type PeakBaseline, type Peaks, spreadOf } from './peaks.ts';

/** Fewer known subjects than this are no measure for one more. */
const LEAST_ALIKE = 3;

/** What the other subjects of a subject's role have moved at most, a peak each; undefined when there are too few. */
export type RoleBaseline = (row: number, measure: number) => PeakBaseline | undefined;

/** The highest window of the days before of the subject's other address, as stored; 0 when it has none that is known. */
export type TwinPeak = (row: number, measure: number) => number;

/** Whom a subject is like. */
export interface Alike {
  readonly ofRole: RoleBaseline;
  readonly ofTwin: TwinPeak;
}

export function alikeAt(
  subjects: Peaks,
  { roleOf, twinOf }: Pick<DetectorContext, 'roleOf' | 'twinOf'>,
  time: number,
  learnDays: number,
): Alike {
  return {
    ofRole: roleBaselines(subjects, roleOf, time, learnDays),
    ofTwin(row, measure) {
      const twin = twinOf(subjects.table.keys.keys, row * 4);
      const other = twin === undefined ? NO_ROW : subjects.table.find(twin, 0);
      return other === NO_ROW ? 0 : subjects.highestBefore(other, measure, time);
    },
  };
}

/**
 * Baselines of roles at `time`, unix seconds: the highest window of the days before, four weeks at most, of each subject watched for
 * `learnDays`. Nothing is kept, and all subjects are gone through only when somebody asks.
 */
function roleBaselines(
  subjects: Peaks,
  roleOf: DetectorContext['roleOf'],
  time: number,
  learnDays: number,
): RoleBaseline {
  const { table } = subjects;
  const { keys } = table.keys;
  const members = (): Map<string, number[]> => {
    const roles = new Map<string, number[]>();
    for (let row = 0; row < table.rows; row++) {
      if (!table.has(row) || subjects.isYoung(row, time, learnDays)) continue;
      const role = roleOf(keys, row * 4);
      const rows = roles.get(role);
      if (rows === undefined) roles.set(role, [row]);
      else rows.push(row);
    }
    return roles;
  };
  let known: Map<string, number[]> | undefined;
  return (row, measure) => {
    known ??= members();
    const role = roleOf(keys, row * 4);
    const peaks: number[] = [];
    for (const other of known.get(role) ?? []) {
      const peak = other === row ? 0 : subjects.highestBefore(other, measure, time);
      if (peak > 0) peaks.push(peak);
    }
    if (peaks.length < LEAST_ALIKE) return undefined;
    return { ...spreadOf(peaks), days: 0, alike: { role, subjects: peaks.length } };
  };
}
