import type { Indicator, Indicators } from '../src/contracts.ts';

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

/** Whether an indicator counts at `end`, unix seconds: sure enough, and not expired (0: it never does). */
export function isUsable(
  indicator: Indicator | undefined,
  minConfidence: number,
  end: number,
): indicator is Indicator {
  return (
    indicator !== undefined &&
    indicator.confidence >= minConfidence &&
    (indicator.expires === 0 || end < indicator.expires)
  );
}
