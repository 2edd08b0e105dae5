import {
  BIGINT,
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api';
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

const timeOf = (iso: string): DuckDBTimestampValue =>
  new DuckDBTimestampValue(BigInt(Date.parse(iso)) * 1000n);

/** The readable part of an alert, and the whole of it as JSON in `record`. */
const ALERT_COLUMNS: readonly (readonly [
  name: string,
  type: DuckDBType,
  of: (alert: Alert) => DuckDBValue,
])[] = [
  ['id', VARCHAR, ({ id }) => id],
  ['detector', VARCHAR, ({ detector }) => detector],
  ['severity', VARCHAR, ({ severity }) => severity],
  ['state', VARCHAR, ({ state }) => state],
  ['title', VARCHAR, ({ title }) => title],
  ['subject', VARCHAR, ({ subject }) => subject],
  ['peer', VARCHAR, ({ peer }) => peer ?? null],
  ['port', INTEGER, ({ port }) => port ?? null],
  ['protocol', INTEGER, ({ protocol }) => protocol ?? null],
  ['interface', VARCHAR, (alert) => alert.interface ?? null],
  ['account', VARCHAR, ({ account }) => account ?? null],
  ['zone', VARCHAR, ({ zone }) => zone ?? null],
  ['peer_zone', VARCHAR, ({ peerZone }) => peerZone ?? null],
  ['first_seen', TIMESTAMP, ({ firstSeen }) => timeOf(firstSeen)],
  ['last_seen', TIMESTAMP, ({ lastSeen }) => timeOf(lastSeen)],
  ['count', BIGINT, ({ count }) => BigInt(count)],
  ['score', DOUBLE, ({ score }) => score],
  ['record', VARCHAR, (alert) => JSON.stringify(alert)],
];
/** Rows that the engine takes at a time. */
const CHUNK_ROWS = 2048;

/**
 * Makes the `alerts` table. The engine gets values, not JSON: to take a hundred thousand alerts apart it would need gigabytes, which its own
 * limit does not count.
 */
export async function createAlerts(connection: DuckDBConnection, alerts: readonly Alert[]): Promise<void> {
  const columns = ALERT_COLUMNS.map(([name, type]) => `${quoted(name)} ${type}`);
  await connection.run(`CREATE TABLE alerts (${columns.join(', ')})`);
  const appender = await connection.createAppender('alerts');
  const types = ALERT_COLUMNS.map(([, type]) => type);
  for (let from = 0; from < alerts.length; from += CHUNK_ROWS) {
    const some = alerts.slice(from, from + CHUNK_ROWS);
    const chunk = DuckDBDataChunk.create(types, some.length);
    chunk.setColumns(ALERT_COLUMNS.map(([, , of]) => some.map(of)));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}
