import type { Alert } from '../../contracts.ts';
import type { Segment } from '../history/messages.ts';
import {
  flowColumns,
  quoted,
  REJECT_COLUMNS,
  SESSION_COLUMNS,
  WINDOW_COLUMNS,
} from '../history/table-spec.ts';

const ADDRESS_COLUMNS = new Set(['srcaddr', 'dstaddr', 'pkt_srcaddr', 'pkt_dstaddr', 'subject']);

/** Fields of the default format and of the usual custom ones: columns that exist, as null, even when no segment has them. */
const STANDARD_EXTRA = [
  'vpc-id',
  'subnet-id',
  'instance-id',
  'type',
  'region',
  'az-id',
  'pkt-src-aws-service',
  'pkt-dst-aws-service',
  'flow-direction',
  'traffic-path',
];

const STANDARD: Readonly<Record<string, readonly string[]>> = {
  flows: flowColumns({ extra: STANDARD_EXTRA, packetAddresses: true }, new Map()).map(
    (column) => column.name,
  ),
  sessions: SESSION_COLUMNS.map((column) => column.name),
  windows: WINDOW_COLUMNS.map((column) => column.name),
  rejects: REJECT_COLUMNS.map((column) => column.name),
};

/** Columns that a view adds to, or shows instead of, those of the files. */
const SHOWN: Readonly<Record<string, string>> = {
  state: `(state & 1) = 1 AS established, (state & 8) = 8 AS rejected`,
};

/**
 * SQL that makes a view over its segments (absolute paths). `condition` narrows it, on the stored columns. Without segments the view is
 * empty and has the standard columns.
 */
export function viewSql(
  view: string,
  segments: readonly Segment[],
  folder: string,
  condition: string | undefined,
): string {
  const present = new Set(segments.flatMap((segment) => segment.columns));
  const names = [...new Set([...STANDARD[view]!, ...present])];
  const columns = names.map((name) => {
    if (!present.has(name)) return `NULL::${emptyType(name)} AS ${quoted(name)}`;
    if (SHOWN[name] !== undefined && view === 'sessions') return SHOWN[name];
    if (ADDRESS_COLUMNS.has(name)) return `address_text(${quoted(name)}) AS ${quoted(name)}`;
    return quoted(name);
  });
  if (segments.length === 0) return `CREATE VIEW ${view} AS SELECT ${columns.join(', ')} WHERE false`;
  const files = segments.map((segment) => `'${`${folder}/${segment.path}`.replaceAll("'", "''")}'`);
  const where = condition === undefined ? '' : ` WHERE ${condition}`;
  return `CREATE VIEW ${view} AS SELECT ${columns.join(', ')} FROM read_parquet([${files.join(', ')}], union_by_name = true, hive_partitioning = false)${where}`;
}

function emptyType(name: string): string {
  if (['start', 'end', 'seen'].includes(name)) return 'TIMESTAMP';
  if (/port$|^protocol$|flags|^state$|traffic_path/.test(name)) return 'INTEGER';
  if (/bytes|packets|sessions|rejects|distinct|position/.test(name)) return 'BIGINT';
  return 'VARCHAR';
}

/** The `alerts` table: the readable part of each alert, and the whole of it as JSON in `record`. */
export const ALERTS_SQL = `CREATE TABLE alerts AS SELECT
    a->>'id' AS id, a->>'detector' AS detector, a->>'severity' AS severity, a->>'state' AS state, a->>'title' AS title,
    a->>'subject' AS subject, a->>'peer' AS peer, (a->>'port')::INTEGER AS port, (a->>'protocol')::INTEGER AS protocol,
    a->>'interface' AS interface, a->>'account' AS account, a->>'zone' AS zone, a->>'peerZone' AS peer_zone,
    (a->>'firstSeen')::TIMESTAMP AS first_seen, (a->>'lastSeen')::TIMESTAMP AS last_seen,
    (a->>'count')::BIGINT AS count, (a->>'score')::DOUBLE AS score, a::VARCHAR AS record
  FROM (SELECT value AS a FROM json_each($1::JSON))`;

/** Parameter of {@link ALERTS_SQL}. */
export function alertsJson(alerts: readonly Alert[]): string {
  return JSON.stringify(alerts);
}
