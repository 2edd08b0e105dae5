import type { Indicator, Indicators, Scalar } from '../src/contracts.ts';
import { utc } from './evidence.ts';

/** What the categories of feeds are about, as far as detectors tell them apart. */
export type Topic = 'tor' | 'crypto-mining' | 'other';

const WORDS: readonly (readonly [Topic, RegExp])[] = [
  ['tor', /(?:^|[^a-z])tor(?:[^a-z]|$)/i],
  [
    'crypto-mining',
    /(?:^|[^a-z])(?:crypto|coin|bitcoin|monero|mining|miners?|stratum)(?:[^a-z]|$)|cryptocurrency|cryptomin/i,
  ],
];
/** Feeds name few categories; this many are kept. */
const MAX_KEPT = 4096;
const known = new Map<string, Topic>();

/** Topic of a category, which is free text. */
export function topicOf(category: string): Topic {
  let topic = known.get(category);
  if (topic === undefined) {
    topic = WORDS.find(([, words]) => words.test(category))?.[0] ?? 'other';
    if (known.size < MAX_KEPT) known.set(category, topic);
  }
  return topic;
}

/** Makes the test whether anything of a topic is listed at the moment: where nothing is, nothing has to be looked up. */
export function createTopicTest(indicators: Indicators, topic: Topic): () => boolean {
  let seen: readonly string[] | undefined;
  let isListed = false;
  return () => {
    const { categories } = indicators;
    if (categories !== seen) isListed = categories.some((category) => topicOf(category) === topic);
    seen = categories;
    return isListed;
  };
}

/** From it on `bad-ip` tells who is listed, by default. */
export const LISTED_CONFIDENCE = 50;
/** Share of its confidence that an indicator has lost when it is dropped. */
const LOST = 0.5;

/**
 * Confidence in an indicator at `time`, Unix seconds: c · (1 − ½ · (age / decay)^(1/δ)) from when the feed last saw it at work to when it is
 * dropped. It is the polynomial score of MISP, c · (1 − (age / τ)^(1/δ)) (Mokaddem et al., https://arxiv.org/abs/1902.03914), with δ = 2 and,
 * for the default decay of 30 days, τ = 120 days as in its model for network detection (nids-simple-model.json of misp-decaying-models): what
 * was sure to 100 is so to 50 when it is dropped.
 */
export function confidenceAt({ confidence, expires, seen = 0 }: Indicator, time: number): number {
  if (seen === 0 || time <= seen || expires <= seen) return confidence;
  const age = Math.min(1, (time - seen) / (expires - seen));
  return Math.round(confidence * (1 - LOST * Math.sqrt(age)));
}

/** What an explanation says of an indicator's confidence at `time`: it, and if it has fallen also from what and since when. */
export function confidenceFacts(indicator: Indicator, time: number): Readonly<Record<string, Scalar>> {
  const confidence = confidenceAt(indicator, time);
  if (confidence === indicator.confidence) return { confidence };
  return { confidence, listedConfidence: indicator.confidence, lastSeenByFeed: utc(indicator.seen ?? 0) };
}

/** Whether an indicator counts at `end`, Unix seconds: sure enough then, and not expired (0: it never does). */
export function isUsable(
  indicator: Indicator | undefined,
  minConfidence: number,
  end: number,
): indicator is Indicator {
  return (
    indicator !== undefined &&
    confidenceAt(indicator, end) >= minConfidence &&
    (indicator.expires === 0 || end < indicator.expires)
  );
}
