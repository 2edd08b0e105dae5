import type { WindowKey } from './columns/session-batch.ts';
import type { Finding } from './contracts.ts';

/** What an intruder is about when a detector's finding is true, in the words of ATT&CK's tactics. */
export type Phase = 'reconnaissance' | 'access' | 'command-and-control' | 'exfiltration' | 'impact';

/** A finding that was booked, as other detectors see it. Exceptions and the shadow keep findings to themselves. */
export interface Sign {
  readonly detector: string;
  readonly phase: Phase;
  readonly finding: Finding;
}

export interface WindowDemand {
  /** Seconds, a multiple of 60. */
  readonly size: number;
  readonly key: WindowKey;
}

/**
 * Which flows a detector has to be shown, where it does not look at all: those with one of the ports or protocols, an address of the networks,
 * one that a feed lists, or one `outside` (a public address or one of AWS's services), at either end. What it finds must be the same without all others, and so must what it learns.
 */
export interface Interest {
  readonly ports?: readonly number[];
  readonly protocols?: readonly number[];
  readonly networks?: readonly string[];
  readonly listed?: boolean;
  readonly outside?: boolean;
}

/** How much of a format a detector needs. `doctor` prints full, degraded or off from it. */
export interface FieldNeeds {
  /** Without these (AWS names) it is off. */
  readonly required: readonly string[];
  /** Without these it works, but as `why` says. */
  readonly helpful: readonly { readonly field: string; readonly why: string }[];
}
