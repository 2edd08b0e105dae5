import type { Coverage, DetectorStanding } from '../contracts.ts';
import type { LifeOptions } from './life.ts';

/** Says what silence is worth. */
export function logCoverage(coverage: Coverage, log: LifeOptions['log']): void {
  const { detectors, interfaces, minutes, ...counts } = coverage;
  const of = (state: DetectorStanding['state']): string =>
    detectors.flatMap(({ detector, ...each }) => (each.state === state ? [detector] : [])).join(', ');
  const share = minutes.expected === 0 ? 1 : minutes.heard / minutes.expected;
  const idle = { off: of('off'), learning: of('learning'), failed: of('failed') };
  log('info', 'what the records cover', {
    ...interfaces,
    share: Number(share.toFixed(4)),
    ...counts,
    ...idle,
  });
}
