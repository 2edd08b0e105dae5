/** What to simulate. `records` or `hours` bounds the run; with both, whichever is reached first. */
export interface SimulateOptions {
  /** A path; `.gz` at its end compresses; `-` is standard output. */
  readonly out: string;
  /** Same seed, same options: same bytes. */
  readonly seed: number;
  /** Exactly this many records; time goes on until they are reached. */
  readonly records?: number | undefined;
  readonly hours?: number | undefined;
  /** Names of {@link SCENARIOS}; `name@30m` starts it 30 minutes into the run. */
  readonly scenarios?: readonly string[] | undefined;
  /** File for the truth as CSV. */
  readonly truth?: string | undefined;
  /** `${field} ${field}…` in AWS's LogFormat syntax; the default v2 format without it. */
  readonly format?: string | undefined;
  /** Aggregation interval in seconds, 60 (default) or 600. */
  readonly interval?: number | undefined;
  /** Part of the connections with internet clients and between dual-stack hosts that use IPv6, 0 to 1; default 0.15. */
  readonly ipv6Share?: number | undefined;
  /** First moment, ISO 8601; default 2026-01-05T00:00:00Z, a Monday. */
  readonly start?: string | undefined;
  /** Size of the environment in hosts, from 5; default 80. */
  readonly hosts?: number | undefined;
  /** Multiplies how busy the hosts are; default 1. */
  readonly rate?: number | undefined;
  /** Multiplies the noise from the internet; 0 is none; default 1. */
  readonly noise?: number | undefined;
  /** IPv4 /16 of the VPC; default 10.0.0.0/16. */
  readonly network?: string | undefined;
  /** Account of all interfaces but those that AWS's services own; default 123456789012. */
  readonly account?: string | undefined;
  /** Begin with the header line that files on S3 have; default true. */
  readonly header?: boolean | undefined;
}

export interface SimulateResult {
  /** Records written, NODATA and SKIPDATA included, the header line not. */
  readonly records: number;
  /** Bytes of text before compression. */
  readonly bytes: number;
  readonly truthRows: number;
  /** Unix seconds between which the records' ends lie. */
  readonly from: number;
  readonly to: number;
}
