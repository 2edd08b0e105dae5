import type { Coverage, DetectorStanding } from '../contracts.ts';
import { counted, grouped, minuteOf, safe, style } from './terminal.ts';

/** A share of records or minutes below which it stands out. */
const WHOLE = 0.98;

/** What silence says: how much of what happened was seen, and by which detectors. */
export function coverageLines(coverage: Coverage): string[] {
  const { interfaces, minutes, records, skipData, late, rejected } = coverage;
  if (records === 0) return [style('yellow', '  covered: nothing, there are no records')];
  return [
    `  covered: ${coveredText(interfaces.speaking, interfaces.expected, minutes)}`,
    `  of ${counted(records, 'record')} ${percent(skipData, records)} SKIPDATA, ${percent(late, records)} late, ${percent(rejected, records)} rejected`,
    `  detectors: ${detectorsText(coverage.detectors)}`,
  ];
}

/** How many of the expected interfaces have records, at the end and all the time. */
export function coveredText(
  speaking: number,
  expected: number,
  minutes: { readonly expected: number; readonly heard: number },
): string {
  const text = `${grouped(speaking)} of ${counted(expected, 'expected interface')} speak at the end, ${percent(minutes.heard, minutes.expected)} of the expected interface-minutes have records`;
  const isWhole = minutes.heard >= WHOLE * minutes.expected && speaking === expected;
  return isWhole ? text : style('yellow', text);
}

/** Floored, so that 100 % is all, and more than nothing is not 0 %. */
export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %';
  const value = (part / whole) * 100;
  return value < 0.1 ? '< 0.1 %' : `${Math.floor(value * 10) / 10} %`;
}

function detectorsText(detectors: readonly DetectorStanding[]): string {
  const of = (state: DetectorStanding['state']) => detectors.filter((each) => each.state === state);
  const learning = of('learning').map(
    ({ detector, until }) => `${detector}${until === undefined ? '' : ` until ${minuteOf(until)}`}`,
  );
  const because = ({ detector, why }: DetectorStanding): string =>
    why === undefined ? detector : `${detector} (${safe(why)})`;
  const onTrial = ({ detector, trial }: DetectorStanding): string =>
    trial?.until === undefined
      ? detector
      : `${detector} (promoted ${minuteOf(trial.until)} if it keeps to ${grouped(trial.budget)} a day)`;
  const parts: [string, readonly string[]][] = [
    ['learning', learning],
    ['shadow', of('shadow').map(onTrial)],
    ['off', of('off').map(because)],
    ['failed', of('failed').map(because)],
  ];
  const rest = parts.flatMap(([name, which]) => (which.length === 0 ? [] : [`${name}: ${which.join(', ')}`]));
  return [`${of('on').length} of ${detectors.length} judge`, ...rest].join('; ');
}
