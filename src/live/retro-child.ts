import { hunt } from '../hunt.ts';
import { loadIndicators } from '../reference/feeds/indicators.ts';
import { answerParent } from '../store/child.ts';
import type { RetroTask } from './retro-hunt.ts';

// Looks through stored sessions and ends: the database calls back for each address, which the service's own thread has no time for.
answerParent(async ({ data, feed, file, allow, internal, ...bounds }: RetroTask) => {
  const { indicators, problems } = await loadIndicators({ feeds: [{ ...feed, file }], allow, internal });
  if (problems.length > 0) throw new Error(`cannot read what is new: ${problems.join('; ')}`);
  const { contacts, truncated } = await hunt({ data, indicators, to: undefined, threads: 1, ...bounds });
  return { contacts, truncated };
});
