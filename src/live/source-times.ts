import type { Config } from '../config.ts';

/** How long event time waits for a live source, seconds. */
export interface SourceTimes {
  /** A record may come so long after newer ones of its lane. */
  readonly lateness: number;
  /** Silence of a lane that has caught up, after which event time goes on without it. */
  readonly idle: number;
}

/**
 * What AWS's deliveries need at least: CloudWatch Logs gets records after about 5 minutes and S3 after about 10, both in best effort and
 * with capture windows of up to 10 minutes; between two deliveries nothing comes.
 */
const AT_LEAST: ReadonlyMap<string, SourceTimes> = new Map([
  ['cloudwatch', { lateness: 20 * 60, idle: 10 * 60 }],
  ['s3', { lateness: 30 * 60, idle: 15 * 60 }],
]);

/** A source's own settings, else those of `ingest` but at least what its type needs. */
export function timesOf(
  { type, lateness, idle }: Config['sources'][number],
  ingest: Pick<Config['ingest'], 'lateness' | 'idle'>,
): SourceTimes {
  const least = AT_LEAST.get(type);
  return {
    lateness: lateness ?? Math.max(ingest.lateness, least?.lateness ?? 0),
    idle: idle ?? Math.max(ingest.idle, least?.idle ?? 0),
  };
}
