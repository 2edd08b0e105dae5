import { parseAddress } from '../../src/columns/address.ts';
import type { DetectorContext, Indicator, Severity } from '../../src/contracts.ts';
import { isUsable, LISTED_CONFIDENCE } from '../feed-topics.ts';
import type { Beat } from './beat.ts';
import type { BeaconConfig } from './config.ts';
import type { Destinations } from './destinations.ts';
import type { Habit, Habits } from './habits.ts';
import { networkOf, type Rhythms } from './rhythms.ts';

const DAY = 86_400;
/** RITA's modifiers: first seen within a week, or thirty days ago; rare; listed. */
const MODIFIER = 0.15;
const NEW = 7 * DAY;
const OLD = 30 * DAY;
/** Callers from which on one of them is rare: RITA's 2 %. */
const MANY_CALLERS = 50;
const RARE = 0.02;
/** Share of a role's callers that makes what they call what the role does. */
const MOST_OF_ROLE = 0.5;
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
  /** What the caller's role has to do with the destination; undefined of calls that are not ours. */
  readonly habit: Habit | undefined;
}

/** What is known beyond the pair. */
export interface Surroundings {
  readonly destinations: Destinations;
  /** What each role calls regularly. */
  readonly habits: Habits;
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
    const { words, caller, called, port } = pair;
    const match = context.indicators.match(words, called);
    const indicator = isUsable(match, LISTED_CONFIDENCE, now) ? match : undefined;
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
    const learnSeconds = config.learnDays * DAY;
    const isNew = first - since >= learnSeconds && now - first <= NEW;
    const habit = known.habits.find(context.roleOf(words, caller), words, caller);
    if (indicator === undefined && !isNew && habit !== undefined && isOfRole(habit)) return undefined;
    const isOld = habit?.othersSince !== undefined && now - habit.othersSince >= learnSeconds;
    const firstSeenModifier = isNew ? MODIFIER : now - first >= OLD ? -MODIFIER : 0;
    const rare = allCallers >= MANY_CALLERS && callers / allCallers <= RARE;
    const prevalenceModifier = rare ? MODIFIER : 0;
    const listed = indicator === undefined ? 0 : MODIFIER;
    const score = Math.min(1, Math.max(0, rita + firstSeenModifier + prevalenceModifier + listed));
    const threshold = asksNames ? config.strictScore : config.score;
    if (score < threshold) return undefined;
    const fast = beat.interval <= config.fastInterval;
    const severity = indicator !== undefined || isNew ? 'high' : fast && !isOld ? 'medium' : 'low';
    const why =
      indicator !== undefined
        ? `the destination is listed by ${indicator.feed}`
        : isNew
          ? 'the destination is new'
          : isOld
            ? 'others of its role have long called it'
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
      habit,
    };
  }

  /** Whether most of the role call it: an agent of its own. */
  function isOfRole({ callers, ofRole }: Habit): boolean {
    return callers >= config.prevalentUsers && callers >= MOST_OF_ROLE * ofRole;
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
      habit: undefined,
    };
  }

  return (pair: Pair, beat: Beat, rita: number, times: Times): Verdict | undefined =>
    (pair.side === 'ours' ? ofOurs : ofOthers)(pair, beat, rita, times);
}
