/** An indicator of compromise that a feed lists. */
export interface Indicator {
  readonly feed: string;
  readonly category: string;
  /** 0 to 100, of an address that is at work. */
  readonly confidence: number;
  /** The network as the feed gave it, canonical. */
  readonly network: string;
  /** Unix seconds of event time from which it no longer counts; 0 = never. */
  readonly expires: number;
  /** Unix seconds at which the feed last saw it at work, from which on its confidence falls; without it, and with 0, it does not. */
  readonly seen?: number | undefined;
}

/** What is listed; between two steps another set can take its place, so nothing of it may be kept. */
export interface Indicators {
  readonly size: number;
  /** Every category that some indicator has; another array when the set is another. */
  readonly categories: readonly string[];
  /** The indicator of the longest listed prefix that holds the address at `offset`, unless the allow list has it. */
  match(words: Uint32Array, offset: number): Indicator | undefined;
}

/** All sessions of one of ours with one listed address, started by one side. */
export interface Contact {
  /** Canonical address text. */
  readonly subject: string;
  readonly peer: string;
  /** The listed address started it. */
  readonly inbound: boolean;
  /** Server ports, the lowest eight, and how many there are. */
  readonly ports: readonly number[];
  readonly portCount: number;
  readonly protocol: number;
  /** Unix seconds. */
  readonly first: number;
  readonly last: number;
  readonly sessions: number;
  readonly established: number;
  readonly rejected: number;
  /** Bytes by the subject, and by the peer. */
  readonly sent: number;
  readonly received: number;
}

/** A contact with an address that a feed has come to list since. */
export interface PastContact extends Contact {
  readonly listing: Indicator;
}
