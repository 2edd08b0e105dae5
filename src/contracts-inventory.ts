/** What is known of something of ours that has addresses: an instance, a service's interface, a host. Texts are from outside. */
export interface Asset {
  /** The instance, else the interface, else what the inventory calls it. */
  readonly id: string;
  readonly name?: string;
  /** What it is for: things of one role are judged by what any of them does. */
  readonly role?: string;
  readonly interface?: string;
  readonly account?: string;
  readonly region?: string;
  readonly vpc?: string;
  readonly subnet?: string;
  readonly securityGroups?: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

/** An asset, and when which addresses were its own: addresses are used again. */
export interface InventoryEntry extends Asset {
  /** Addresses and networks, canonical text. */
  readonly addresses: readonly string[];
  /** Unix seconds of event time, [from, to); 0: since ever. Without `to` they still are. */
  readonly from: number;
  readonly to?: number;
}

/** In whose network an address of others is. Texts are from outside. */
export interface OutsideNetwork {
  /** Number of the autonomous system, and who holds it. */
  readonly asn?: number;
  readonly organization?: string;
  /** ISO 3166-1, two letters. */
  readonly country?: string;
  /** Service of AWS as its list of ranges names it (`S3`), and its region (`eu-central-1`, `GLOBAL`). */
  readonly service?: string;
  readonly region?: string;
}

/** What is known of the ends of an alert, as it was when it was last seen. */
export interface AlertEnds {
  /** Zones of the policy that they are in. */
  readonly zone?: string;
  readonly peerZone?: string;
  /** What they are, where the inventory knew them. */
  readonly asset?: Asset;
  readonly peerAsset?: Asset;
  /** Where they are, where they are not ours. */
  readonly network?: OutsideNetwork;
  readonly peerNetwork?: OutsideNetwork;
  /** Names for which the subject was given the peer's address before, the last one first. */
  readonly peerNames?: readonly string[];
}
