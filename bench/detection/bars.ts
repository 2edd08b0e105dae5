import type { Judged } from './judge.ts';
import type { Found, Score } from './score.ts';

/** One figure beside what it must be and what others have. */
export interface Bar {
  readonly what: string;
  readonly figure: string;
  readonly mustBe: string;
  readonly reached: boolean;
  /** What others reach on the same data or, where it says so, on more of its kind. */
  readonly others: string;
}

/** Pairs that RITA v5's score of at least 0.9 marks wrongly, of all pairs of a cloud host in three days. */
const RITA = { false: 95, pairs: 1459 };
const CALLING_HOME = ['beacon-27s', 'beacon-dns-http', 'iot-beacon', 'cloud-host-1-day'];
const CALM = ['office-normal', 'beacon-27s', 'beacon-dns-http', 'iot-beacon'];

export interface Measured extends Judged {
  /** Pairs that could be beacons. */
  readonly pairs: number;
  readonly days: number;
}

/** What the labelled sets must show; a figure is left out when one of its sets was not run. */
export function barsOf(judged: readonly Measured[]): Bar[] {
  const run = new Map(judged.map((one) => [one.score.set, one]));
  const scoresOf = (...names: string[]): Score[] => names.flatMap((name) => run.get(name)?.score ?? []);
  const whole = (names: readonly string[]): boolean => names.every((name) => run.has(name));
  const bars: Bar[] = [];
  const add = (what: string, figure: string, mustBe: string, reached: boolean, others = ''): void => {
    bars.push({ what, figure, mustBe, reached, others });
  };
  if (whole(CALLING_HOME)) {
    const { found, of } = foundOf(scoresOf(...CALLING_HOME), isC2);
    add(`C2 pairs of ${CALLING_HOME.join(', ')}`, `${found} of ${of}`, `${of}`, found === of);
  }
  for (const score of scoresOf('trickbot-2-days')) {
    const { found, of } = foundOf([score], isC2);
    add('C2 pairs of trickbot-2-days', `${found} of ${of}`, `≥ ${of / 2}`, found * 2 >= of);
  }
  for (const score of scoresOf('irc-bot-icmp-flood'))
    for (const type of ['c2', 'ddos_icmp']) {
      const { found, of } = foundOf([score], (name) => name === type);
      add(`${type} of irc-bot-icmp-flood`, `${found} of ${of}`, `${of}`, found === of);
    }
  if (whole(CALM)) {
    const scores = scoresOf(...CALM);
    const days = scores.reduce((sum, { hostDays }) => sum + hostDays, 0);
    const share = scores.reduce((sum, one) => sum + one.false, 0) / days;
    add(`false paging alerts a host-day, ${CALM.join(', ')}`, share.toFixed(2), '≤ 0.2', share <= 0.2);
  }
  const noise = run.get('internet-noise-7-days');
  if (noise !== undefined) {
    const daily = noise.score.paging / noise.days;
    add('paging alerts a day, internet-noise-7-days', daily.toFixed(1), '≤ 5', daily <= 5);
  }
  const cloud = run.get('cloud-host-1-day');
  if (cloud !== undefined) {
    const wrong = cloud.score.falseBy.beacon ?? 0;
    const share = wrong / cloud.pairs;
    const most = RITA.false / RITA.pairs / 10;
    add(
      'pairs of cloud-host-1-day wrongly called beacons',
      `${wrong} of ${cloud.pairs} (${percent(share)})`,
      `≤ ${percent(most)}`,
      share <= most,
      `RITA v5, score ≥ 0.9, three days: ${RITA.false} of ${RITA.pairs} (${percent(RITA.false / RITA.pairs)})`,
    );
  }
  for (const score of scoresOf('volume-series')) {
    const { found, of } = foundOf([score], () => true);
    const others = 'NAB’s 28 volume series: CAD OSE 42 of 55 with 26 false, HTM 44 with 83, RCF 41 with 294';
    add('windows of volume-series', `${found} of ${of}`, '≥ 26', found >= 26, others);
    add('false paging alerts, volume-series', `${score.false}`, '≤ 12', score.false <= 12);
  }
  return bars;
}

function isC2(type: string): boolean {
  return type.startsWith('c2');
}

/** Attacks of some types over several sets. */
export function foundOf(scores: readonly Score[], wanted: (type: string) => boolean): Found {
  let found = 0;
  let of = 0;
  for (const score of scores)
    for (const [type, count] of Object.entries(score.found))
      if (wanted(type)) {
        found += count.found;
        of += count.of;
      }
  return { found, of };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
