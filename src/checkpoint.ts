import type { Alert, OutboxChange } from './contracts.ts';
import type { HuntResult } from './live/retro-hunt.ts';
import type { FeedUpdate } from './reference/feeds/update.ts';
import type { Claim, IdChange } from './store/state/state.ts';

/** What live sources remember, or no longer need, beside positions. */
export interface Memory {
  readonly ids: ReadonlyMap<string, IdChange>;
  /** Partitions that never come again. */
  readonly forget: readonly string[];
}

/** What becomes durable with a checkpoint beside what the engine has of its own. */
export interface Beside {
  readonly memory?: Memory | undefined;
  /** Only if sources bind it; when they reject, the engine is void. */
  readonly claim?: Claim | undefined;
  /** Takes alerts that changed over for delivery, and says what of it has to be durable with them. */
  readonly send?: ((changed: readonly Alert[]) => readonly OutboxChange[]) | undefined;
  /** New lists of feeds: they judge whatever comes after the checkpoint. */
  readonly update?: FeedUpdate | undefined;
  /** What was found in the history for an earlier one. */
  readonly hunted?: HuntResult | undefined;
}
