import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  DOUBLE,
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBScalarFunction,
  INTEGER,
} from '@duckdb/node-api';
import type { Prefix } from '../../columns/address.ts';
import type { Contact } from '../../contracts.ts';
import { UserError } from '../../errors.ts';
import type { Segment } from '../history/messages.ts';
import { registerAddressCode, registerAddressFunctions } from '../query/address-functions.ts';
import { inNetwork } from '../query/prune.ts';
import { damageRead, noteReads } from '../query/reads.ts';
import { movedOr } from './history-moved.ts';

export interface StoredContact extends Contact {
  /** What {@link ContactOptions.match} said of the peer. */
  readonly code: number;
}

export interface ContactOptions {
  readonly dataDir: string;
  /** All that the manifest lists. */
  readonly segments: readonly Segment[];
  /** Unix seconds of the sessions' last record, [from, to). */
  readonly from: number;
  readonly to: number;
  /** A number for a listed address, given as four words. */
  match(words: Uint32Array): number | undefined;
  /** Unix seconds from which on what `code` stands for does not count; 0 = it always does. */
  expiresOf(code: number): number;
  /** All networks that match, when they are few: files and parts of files without them are not read then. */
  readonly networks: readonly Prefix[] | undefined;
  readonly maxContacts: number;
  readonly timeoutMs: number;
  readonly threads?: number | undefined;
}

/** Networks up to which a condition on their ranges saves more than it costs. */
const FEW = 64;
const MEMORY = '512MB';

/**
 * Contacts of the stored sessions with listed addresses, by first contact; when there are more than `maxContacts` the first ones. Reads only,
 * also beside a running service. Throws a `HistoryMoved` when files went away meanwhile, and a UserError when one is damaged or time is up.
 */
export async function storedContacts(
  options: ContactOptions,
): Promise<{ contacts: StoredContact[]; sessions: number; truncated: boolean }> {
  const { dataDir, from, to } = options;
  const segments = options.segments.filter(
    ({ table, minTime, maxTime }) => table === 'sessions' && maxTime >= from && minTime < to,
  );
  const sessions = segments.reduce((sum, { rows }) => sum + rows, 0);
  if (segments.length === 0) return { contacts: [], sessions, truncated: false };
  const spill = await mkdtemp(join(tmpdir(), 'flowsentry-hunt-'));
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: MEMORY,
    temp_directory: spill,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  });
  const connection = await instance.connect();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    connection.interrupt();
  }, options.timeoutMs);
  try {
    registerAddressFunctions(connection);
    registerAddressCode(connection, 'listed', options.match);
    registerExpiry(connection, options.expiresOf);
    await noteReads(connection, spill);
    const result = await connection.runAndReadAll(contactsSql(options, segments), [options.maxContacts + 1]);
    const damaged = await damageRead(connection, spill, resolve(dataDir), segments);
    if (damaged !== undefined)
      throw new UserError(
        `cannot read the history: ${damaged.segment.path} is damaged: ${damaged.reason}; 'flowsentry verify --put-aside --data ${dataDir}' takes it out`,
      );
    const rows = result.getRowsJson();
    return {
      contacts: rows.slice(0, options.maxContacts).map(contactOf),
      sessions,
      truncated: rows.length > options.maxContacts,
    };
  } catch (error) {
    if (timedOut)
      throw new UserError(
        `cannot look through ${sessions} sessions within ${options.timeoutMs / 1000} s: ask about a shorter time`,
      );
    throw await movedOr(error, dataDir, segments);
  } finally {
    clearTimeout(timer);
    connection.closeSync();
    instance.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

/** `expires_of(code)`: Unix seconds, infinity where it never does. */
function registerExpiry(connection: DuckDBConnection, expiresOf: (code: number) => number): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'expires_of',
      parameterTypes: [INTEGER],
      returnType: DOUBLE,
      mainFunction: (_info, input, output) => {
        const codes = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row++) {
          const code = codes.getItem(row) as number | null;
          output.setItem(row, code === null ? null : expiresOf(code) || Number.POSITIVE_INFINITY);
        }
        output.flush();
      },
    }),
  );
}

/** Of what comes from outside only numbers become part of the statement. */
function contactsSql({ dataDir, from, to, networks }: ContactOptions, segments: readonly Segment[]): string {
  const folder = resolve(dataDir);
  const files = segments.map(({ path }) => `'${`${folder}/${path}`.replaceAll("'", "''")}'`).join(', ');
  const time = (seconds: number): string => `make_timestamp(${Math.trunc(seconds)}000000)`;
  const near =
    networks === undefined || networks.length > FEW
      ? ''
      : `AND (${networks.map((prefix) => `${inNetwork('srcaddr', prefix)} OR ${inNetwork('dstaddr', prefix)}`).join(' OR ')})`;
  return `WITH judged AS (
  SELECT *, listed(srcaddr) AS src_code, listed(dstaddr) AS dst_code
  FROM read_parquet([${files}], union_by_name = true, hive_partitioning = false)
  WHERE "end" >= ${time(from)} AND "end" < ${time(to)} ${near}
), contacts AS (
  SELECT *, dst_code IS NULL AS inbound, coalesce(dst_code, src_code) AS code,
    CASE WHEN dst_code IS NULL THEN dstaddr ELSE srcaddr END AS subject,
    CASE WHEN dst_code IS NULL THEN srcaddr ELSE dstaddr END AS peer
  FROM judged WHERE (src_code IS NOT NULL OR dst_code IS NOT NULL) AND epoch("end") < expires_of(coalesce(dst_code, src_code))
)
SELECT address_text(subject) AS s, address_text(peer) AS p, inbound, min(code), list_sort(list(DISTINCT dstport))[1:8],
  count(DISTINCT dstport), min(protocol), epoch(min(start)) AS first, epoch(max("end")), count(*),
  count(*) FILTER ((state & 1) = 1), count(*) FILTER ((state & 8) = 8),
  sum(CASE WHEN inbound THEN bytes_in ELSE bytes_out END)::DOUBLE, sum(CASE WHEN inbound THEN bytes_out ELSE bytes_in END)::DOUBLE
FROM contacts GROUP BY subject, peer, inbound ORDER BY first, s, p, inbound LIMIT $1`;
}

function contactOf(row: readonly unknown[]): StoredContact {
  const [subject, peer, inbound, code, ports, ...numbers] = row;
  const [portCount, protocol, first, last, sessions, established, rejected, sent, received] = numbers.map(
    Number,
  ) as [number, number, number, number, number, number, number, number, number];
  return {
    subject: String(subject),
    peer: String(peer),
    inbound: inbound === true,
    code: Number(code),
    ports: (ports as unknown[]).map(Number),
    ...{ portCount, protocol, first, last, sessions, established, rejected, sent, received },
  };
}
