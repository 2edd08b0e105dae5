import { expect } from 'vitest';
import type { DetectorModule } from '../detectors/define.ts';
import { Dictionary } from '../src/columns/dictionary.ts';
import type { DetectorContext, Finding } from '../src/contracts.ts';
import { expectWhole } from './contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf } from './rows.ts';

export const T0 = 1_760_000_400;

/** Steps of one minute after the other from {@link T0} on, with these active rows. */
export function minutes(...rows: readonly (readonly SessionLiteral[])[]): StepLiteral[] {
  return rows.map((active, i) => ({ start: T0 + i * 60, active }));
}

/** What a detector finds in these steps; every finding must be whole. */
export function findingsOf(
  module: DetectorModule,
  steps: readonly StepLiteral[],
  options: { readonly config?: unknown; context?(names: Dictionary): DetectorContext } = {},
): Finding[] {
  const names = new Dictionary();
  const found: Finding[] = [];
  const context = options.context?.(names) ?? plainContext({ names });
  const detector = module.create(module.config.parse(options.config ?? {}), context);
  for (const step of steps) detector.step?.(stepOf(step, names), (finding) => found.push(finding));
  expect(found.length).toBeLessThan(1000);
  for (const finding of found) expectWhole(finding);
  return found;
}
