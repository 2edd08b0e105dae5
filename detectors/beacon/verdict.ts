import { parseAddress } from '../../src/columns/address.ts';
import type { DetectorContext, Indicator, Severity } from '../../src/contracts.ts';
import type { Beat } from './beat.ts';
import type { BeaconConfig } from './config.ts';
import type { Destinations } from './destinations.ts';
import { networkOf, type Rhythms } from './rhythms.ts';

const DAY = 86_400;
/** RITA's modifiers: first seen within a week, or thirty days ago; rare; listed. */
const MODIFIER = 0.15;
const NEW = 7 * DAY;
const OLD = 30 * DAY;
/** Callers from which on one of them is rare: RITA's 2 %. */
const MANY_CALLERS = 50;
const RARE = 0.02;
const NAME_SERVICE: readonly number[] = [53, 853];

/** Whose the caller is. `stranger`: neither end is known to be ours, so that either may be. */
export type Side = 'ours' | 'outside' | 'stranger';

/** A pair that beats: offsets of both ends in `words`. */
export interface Pair {
  readonly words: Uint32Array;
  readonly caller: number;
  readonly called: number;
  readonly port: number;
  readonly side: Side;
}

/** Unix seconds: the pair's first call, the first step ever, the last call. */
interface Times {
  readonly first: number;
  readonly since: number;
  readonly now: number;
}

export interface Verdict {
  readonly severity: Severity;
  /** 0 to 1: RITA's score and the modifiers. */
  readonly score: number;
  readonly threshold: number;
  readonly why: string;
  readonly firstSeen: number;
  readonly firstSeenModifier: number;
  readonly prevalenceModifier: number;
  readonly callers: number;
  readonly allCallers: number;
  readonly indicator: Indicator | undefined;
}

/** What is known beyond the pair. */
export interface Surroundings {
  readonly destinations: Destinations;
  /** Who of ours calls regularly. */
  readonly callers: Rhythms;
  /** What is called from outside in a steady rhythm. */
  readonly services: Rhythms;
}

/** Makes the function that says how bad a scored beat is; undefined when it is none of anybody's business. */
export function createVerdict(config: BeaconConfig, context: DetectorContext, known: Surroundings) {
  const resolvers = new Set(config.resolvers.map((text) => parseAddress(text)?.join()));

  /** A beat of ours to a destination outside. */
  function ofOurs(pair: Pair, beat: Beat, rita: number, { since, now }: Times): Verdict | undefined {
    const { words, called, port } = pair;
    const indicator = context.indicators.match(words, called);
    const asksNames = NAME_SERVICE.includes(port);
    if (indicator === undefined && asksNames && resolvers.has(words.slice(called, called + 4).join()))
      return undefined;
    const { first, callers } = known.destinations.find(words, called) ?? { first: now, callers: 1 };
    const allCallers = Math.max(callers, known.callers.table.size);
    if (
      indicator === undefined &&
      callers >= config.prevalentUsers &&
      callers / allCallers > config.prevalence
    )
      return undefined;
    const isNew = first - since >= config.learnDays * DAY && now - first <= NEW;
    const firstSeenModifier = isNew ? MODIFIER : now - first >= OLD ? -MODIFIER : 0;
    const rare = allCallers >= MANY_CALLERS && callers / allCallers <= RARE;
    const prevalenceModifier = rare ? MODIFIER : 0;
    const listed = indicator === undefined ? 0 : MODIFIER;
    const score = Math.min(1, Math.max(0, rita + firstSeenModifier + prevalenceModifier + listed));
    const threshold = asksNames ? config.strictScore : config.score;
    if (score < threshold) return undefined;
    const fast = beat.interval <= config.fastInterval;
    const severity = indicator !== undefined || isNew ? 'high' : fast ? 'medium' : 'low';
    const why =
      indicator !== undefined
        ? `the destination is listed by ${indicator.feed}`
        : isNew
          ? 'the destination is new'
          : fast
            ? 'the rhythm is faster than update checks are'
            : 'the destination may have been called like this for long';
    return {
      severity,
      score,
      threshold,
      why,
      firstSeen: first,
      firstSeenModifier,
      prevalenceModifier,
      callers,
      allCallers,
      indicator,
    };
  }

  /** A beat that comes from outside, or that may: whoever has a server is called regularly by someone. */
  function ofOthers(pair: Pair, beat: Beat, rita: number, { first, now }: Times): Verdict | undefined {
    if (rita < config.strictScore) return undefined;
    const { words, caller, called, port } = pair;
    const service = known.services.find(words, called, port);
    const alike = service < 0 ? [] : known.services.like(service, beat.interval, now);
    const networks = new Set(alike.map(({ network }) => network)).add(networkOf(words, caller)).size;
    const pool = networks >= config.servers;
    const severity = pool || beat.interval > config.fastInterval ? 'low' : 'medium';
    return {
      severity,
      score: rita,
      threshold: config.strictScore,
      why: pool
        ? `${networks} networks call in this rhythm, as monitors do`
        : 'no other network calls in this rhythm',
      firstSeen: first,
      firstSeenModifier: 0,
      prevalenceModifier: 0,
      callers: networks,
      allCallers: networks,
      indicator: undefined,
    };
  }

  return (pair: Pair, beat: Beat, rita: number, times: Times): Verdict | undefined =>
    (pair.side === 'ours' ? ofOurs : ofOthers)(pair, beat, rita, times);
}
