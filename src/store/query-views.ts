import type { Alert } from '../contracts.ts';
import type { Segment } from './messages.ts';
import { flowColumns, quoted, REJECT_COLUMNS, SESSION_COLUMNS, WINDOW_COLUMNS } from './table-spec.ts';

/** Longest runs of zero groups first: RFC 5952 shortens the longest one, the first of equals, and never a single group. */
const COMPRESS = [8, 7, 6, 5, 4, 3, 2].reduceRight((rest, n) => {
  const run = `(^|:)0(:0){${n - 1}}(:|$)`;
  return `CASE WHEN regexp_matches(t, '${run}') THEN regexp_replace(t, '${run}', '::') ELSE ${rest} END`;
}, 't');

/** What a query can call beyond DuckDB's own functions; addresses are texts here, 16-byte values (`u`) in the files. */
export const MACROS = [
  `CREATE MACRO u32_text(v) AS (v >> 24)::VARCHAR || '.' || ((v >> 16) & 255)::VARCHAR || '.' || ((v >> 8) & 255)::VARCHAR || '.' || (v & 255)::VARCHAR`,
  `CREATE MACRO v6_groups(h) AS array_to_string(list_transform(range(0, 8), lambda i: coalesce(nullif(ltrim(substr(h, i * 4 + 1, 4), '0'), ''), '0')), ':')`,
  `CREATE MACRO v6_short(t) AS ${COMPRESS}`,
  `CREATE MACRO address_text(u) AS CASE WHEN u IS NULL THEN NULL WHEN starts_with(u::VARCHAR, '00000000-0000-0000-0000-ffff')
     THEN u32_text(('0x' || right(u::VARCHAR, 8))::UINTEGER)
     ELSE v6_short(v6_groups(replace(u::VARCHAR, '-', ''))) END`,
  `CREATE MACRO v4_number(t) AS split_part(t, '.', 1)::UINTEGER * 16777216 + split_part(t, '.', 2)::UINTEGER * 65536
     + split_part(t, '.', 3)::UINTEGER * 256 + split_part(t, '.', 4)::UINTEGER`,
  `CREATE MACRO v6_fill(t) AS CASE WHEN contains(t, '::') THEN
     array_to_string(list_transform(string_split(split_part(t, '::', 1), ':'), lambda g: lpad(g, 4, '0')), '')
     || repeat('0', greatest(0, 32 - length(array_to_string(list_transform(list_filter(string_split(replace(t, '::', ':'), ':'), lambda g: g <> ''), lambda g: lpad(g, 4, '0')), ''))))
     || array_to_string(list_transform(list_filter(string_split(split_part(t, '::', 2), ':'), lambda g: g <> ''), lambda g: lpad(g, 4, '0')), '')
     ELSE array_to_string(list_transform(string_split(t, ':'), lambda g: lpad(g, 4, '0')), '') END`,
  `CREATE MACRO v6_hex(t) AS CASE WHEN starts_with(t, '::') THEN lpad(v6_fill('0' || t), 32, '0') ELSE v6_fill(t) END`,
  `CREATE MACRO address_bits(t) AS CASE WHEN contains(t, ':')
     THEN right(repeat('0', 128) || array_to_string(list_transform(range(0, 32), lambda i: lpad(bin(('0x' || substr(right(v6_hex(t), 32), i + 1, 1))::UINTEGER), 4, '0')), ''), 128)
     ELSE repeat('0', 80) || repeat('1', 16) || lpad(bin(v4_number(t)), 32, '0') END`,
  `CREATE MACRO prefix_bits(c) AS coalesce(nullif(split_part(c, '/', 2), '')::INTEGER, CASE WHEN contains(c, ':') THEN 128 ELSE 32 END) + CASE WHEN contains(c, ':') THEN 0 ELSE 96 END`,
  `CREATE MACRO in_cidr(address, cidr) AS CASE WHEN contains(address, '.') AND contains(cidr, '.') AND NOT contains(cidr, ':')
     THEN (v4_number(address) >> (128 - prefix_bits(cidr))) = (v4_number(split_part(cidr, '/', 1)) >> (128 - prefix_bits(cidr)))
     ELSE left(address_bits(address), prefix_bits(cidr)) = left(address_bits(split_part(cidr, '/', 1)), prefix_bits(cidr)) END`,
  `CREATE MACRO is_ipv6(address) AS contains(address, ':')`,
  `CREATE MACRO is_private(address) AS in_cidr(address, '10.0.0.0/8') OR in_cidr(address, '172.16.0.0/12')
     OR in_cidr(address, '192.168.0.0/16') OR in_cidr(address, '100.64.0.0/10') OR in_cidr(address, 'fc00::/7')`,
];

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
    a->>'interface' AS interface, a->>'account' AS account,
    (a->>'firstSeen')::TIMESTAMP AS first_seen, (a->>'lastSeen')::TIMESTAMP AS last_seen,
    (a->>'count')::BIGINT AS count, (a->>'score')::DOUBLE AS score, a::VARCHAR AS record
  FROM (SELECT value AS a FROM json_each($1::JSON))`;

/** Parameter of {@link ALERTS_SQL}. */
export function alertsJson(alerts: readonly Alert[]): string {
  return JSON.stringify(alerts);
}
