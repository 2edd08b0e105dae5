import type { SecretReference } from '../../outbound/secret.ts';

/** How a feed with an address is asked. */
export const PROTOCOLS = ['list', 'taxii', 'misp'] as const;

/** Where a list of bad addresses comes from: exactly one of `file` and `url`. */
export interface FeedSource {
  readonly name: string;
  readonly file?: string | undefined;
  /** HTTPS: of the list itself, of a TAXII collection, or of a MISP server. */
  readonly url?: string | undefined;
  /** Default `list`. */
  readonly protocol?: (typeof PROTOCOLS)[number] | undefined;
  /** For TAXII with a password; without it `key` is a bearer token. */
  readonly user?: string | undefined;
  /** MISP's authentication key, or TAXII's password or token. */
  readonly key?: SecretReference | undefined;
  /** File with the PEM of a private certificate authority, for `url`. */
  readonly ca?: string | undefined;
  /** For records that name none; default `listed`. */
  readonly category?: string | undefined;
  /** 0 to 100, for records that name none; default 75. */
  readonly confidence?: number | undefined;
  /** Seconds after the feed last saw an address at work for which it counts; default {@link SEEN_TTL}. */
  readonly decay?: number | undefined;
  /** Private and reserved networks are in it on purpose, and passed over. */
  readonly hasReserved?: boolean | undefined;
}
