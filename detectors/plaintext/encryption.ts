import { ENCRYPTION } from '../../src/columns/session-batch.ts';
import type { Severity } from '../../src/contracts.ts';

/**
 * What AWS's `encryption-status` says of a session, from worst to best (VPC User Guide, "Enforce VPC encryption in transit"). It is no look at
 * the content: `application` goes by port 443 of an endpoint, and by the settings of a managed one.
 */
const SAID = ['clear', 'unknown', 'nitro', 'application'] as const;
export type Said = (typeof SAID)[number];

/** Of the bits of a session's records: the worst of them counts. */
export function saidOf(encryption: number): Said {
  if (encryption === 0) return 'unknown';
  if ((encryption & ENCRYPTION.none) !== 0) return 'clear';
  return (encryption & ENCRYPTION.nitro) !== 0 ? 'nitro' : 'application';
}

/** The worst that is said of several sessions. */
export function worstOf(said: readonly Said[]): Said {
  return SAID.find((each) => said.includes(each)) ?? 'unknown';
}

/**
 * Severity of a protocol in the clear; undefined: it is encrypted. Inside, the Nitro system encrypts from one end to the other; across the
 * border it does so on AWS's network, and everybody behind it can read along.
 */
export function severityOf(isInside: boolean, said: Said): Severity | undefined {
  if (said === 'application') return undefined;
  if (said === 'nitro') return isInside ? undefined : 'info';
  return isInside && said === 'unknown' ? 'info' : 'low';
}

/** For explanations. */
export const SAID_TEXT: Readonly<Partial<Record<Said, string>>> = {
  clear: 'none: encryption-status 0',
  nitro: 'on the network of AWS only: encryption-status 1',
};
