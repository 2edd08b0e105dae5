import type { Beside } from './checkpoint.ts';
import type { Config } from './config.ts';
import type { FeedsInUse } from './feeds-in-use.ts';
import type { RetroCounts } from './live/retro-hunt.ts';
import type { Facts } from './reference/facts/facts.ts';
import { type CurrentIndicators, indicatorsFrom } from './reference/feeds/indicator-set.ts';
import { openContacts, withinBudget } from './retro.ts';
import type { Rollup } from './rollup/rollup.ts';
import type { Scorer } from './score/scorer.ts';
import type { Segment } from './store/history/messages.ts';
import { sequenceOf } from './store/history/segment-file.ts';

export interface NewListsOptions {
  readonly feeds: FeedsInUse;
  readonly context: { readonly indicators: CurrentIndicators; readonly facts: Pick<Facts, 'use'> };
  readonly rollup: Rollup;
  readonly scorer: Scorer;
  readonly config: Pick<Config, 'retroHunt'>;
  /** Counted on. */
  readonly counts: Pick<RetroCounts, 'told' | 'over_budget'> | undefined;
}

/**
 * Makes what feeds have new part of the checkpoint that is being made, all in this one place between two records: the new lists come into
 * use; what is new in them is looked for in the sessions that are open, and is noted to be looked for in `stored` ones; and what earlier hunts
 * found is told. So each contact is told by one of three: the judge of new sessions, the look at open ones, the hunt in stored ones.
 */
export function takeNewLists(
  { update, hunted }: Pick<Beside, 'update' | 'hunted'>,
  stored: readonly Segment[],
  { feeds, context, config, rollup, scorer, counts }: NewListsOptions,
): void {
  if (hunted !== undefined) {
    scorer.past(hunted.contacts, hunted.hunt.at, rollup.now);
    feeds.hunted(hunted.hunt);
  }
  if (update === undefined) return;
  const { columns } = update;
  if (columns !== undefined && update.news.length > 0) {
    const open = openContacts(rollup, indicatorsFrom(columns, update.fresh));
    const { told, left } = withinBudget(open, config.retroHunt.maxAlerts);
    scorer.past(told, rollup.now, rollup.now);
    if (counts !== undefined) {
      counts.told += told.length;
      counts.over_budget += left;
    }
    const sessions = stored.filter(({ table }) => table === 'sessions');
    const upTo = sessions.reduce((last, segment) => Math.max(last, sequenceOf(segment)), 0);
    for (const one of update.news) {
      const hunt = { ...one, at: rollup.now, upTo };
      if (upTo > 0) feeds.hunt(hunt);
      else feeds.hunted(hunt);
    }
  }
  if (columns !== undefined) context.indicators.use(indicatorsFrom(columns));
  context.facts.use(update.facts);
  feeds.use(update.versions);
}
