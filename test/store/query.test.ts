import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, inPrefix, parseAddress, parsePrefix } from '../../src/columns/address.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { registerAddressFunctions } from '../../src/store/query/address-functions.ts';
import { checkStatement, readFunctions } from '../../src/store/query/guard.ts';
import { impliedCondition, uuidOf } from '../../src/store/query/prune.ts';
import { NAMED_QUERIES } from '../../src/store/query/queries.ts';
import { type QueryOptions, runQuery } from '../../src/store/query/query.ts';
import { emptyContents } from '../../src/store/state/contents.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE_SQL } from './hostile-sql.ts';
import { flowBatchOf, plainFlow, V2 } from './literals.ts';
import { openStore, rowsOf, temporaryFolder } from './support.ts';

const START = 1_767_225_600;
const LIMITS = { timeoutMs: 60_000, maxRows: 1000, memoryLimit: '256MB' };

const ask = (dataDir: string, sql: string, more: Partial<QueryOptions> = {}) =>
  runQuery({ dataDir, sql, ...LIMITS, ...more });

async function filledFolder(): Promise<string> {
  const folder = temporaryFolder();
  const store = await openStore(folder);
  const rows = Array.from({ length: 3000 }, (_, i) =>
    plainFlow(
      i % 7 === 0 ? `2001:db8::${(i % 50).toString(16)}` : `10.0.${i % 4}.${i % 100}`,
      '198.51.100.7',
      START + i,
      i,
    ),
  );
  await store.history.appendFlows(flowBatchOf(rows, V2, store.names));
  await store.checkpoint();
  await store.close();
  return folder;
}

const ENGINE = await (async () => {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  registerAddressFunctions(connection);
  return { connection, functions: await readFunctions(connection) };
})();
const check = (sql: string) => checkStatement(ENGINE.connection, ENGINE.functions, sql);

describe('a query', () => {
  it.each(HOSTILE_SQL.map((sql) => [sql.slice(0, 100), sql]))('is refused: %s', async (_, sql) => {
    await expect(check(sql)).rejects.toThrow(/^cannot run query/);
  });

  it.each([
    'SELECT 1',
    'FROM flows',
    'SELECT * FROM flows WHERE srcaddr LIKE \'10.%\' ORDER BY "end" DESC LIMIT 5',
    'WITH x AS (SELECT srcaddr, sum(bytes) AS b FROM flows GROUP BY ALL) SELECT * FROM x, x AS y WHERE x.b > y.b',
    'WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t',
    'SELECT *, row_number() OVER (PARTITION BY srcaddr ORDER BY "end") AS n FROM flows QUALIFY n = 1',
    'SELECT time_bucket(INTERVAL 5 MINUTES, "end") AS t, approx_count_distinct(dstaddr) FROM flows GROUP BY t',
    "SELECT * FROM flows WHERE in_cidr(srcaddr, '10.0.0.0/8') AND NOT is_private(dstaddr) OR is_ipv6(srcaddr)",
    'DESCRIBE flows',
    'SUMMARIZE sessions',
    'SELECT * FROM range(3) AS r(i), generate_series(1, 2), unnest([1, 2])',
    "SELECT regexp_extract(raw, 'a(.)', 1), count(*) FROM rejects GROUP BY ALL",
    'SELECT list_transform([1, 2], lambda x: x + 1), {a: 1}, MAP {1: 2}',
    'SELECT a.id FROM alerts AS a LEFT JOIN windows AS w ON w.subject = a.subject WHERE EXISTS (FROM sessions)',
    'SELECT * FROM flows PIVOT (sum(bytes) FOR protocol IN (6, 17) GROUP BY srcaddr)',
    'SELECT srcaddr FROM flows UNION SELECT dstaddr FROM flows EXCEPT SELECT subject FROM alerts',
    ...NAMED_QUERIES.map((query) => query.sql),
  ])('may be %s', async (sql) => {
    await expect(check(sql)).resolves.toBeDefined();
  });

  it('sees all that is published and nothing else', async () => {
    const folder = await filledFolder();
    const result = await ask(
      folder,
      `SELECT count(*), sum(bytes), min("end"), count(DISTINCT srcaddr) FROM flows WHERE srcaddr <> 'x'`,
    );
    expect(result.rows).toEqual([['3000', '4498500', '2026-01-01 00:00:00', '150']]);
    expect(result.columns.map((column) => column.type)).toEqual(['BIGINT', 'HUGEINT', 'TIMESTAMP', 'BIGINT']);
    expect(result.truncated).toBe(false);
  });

  it('has its parameters bound, never pasted', async () => {
    const folder = await filledFolder();
    const sql = 'SELECT count(*) FROM flows WHERE srcaddr = $1';
    expect((await ask(folder, sql, { parameters: ['10.0.1.1'] })).rows).toEqual([['26']]);
    expect((await ask(folder, sql, { parameters: ["x' OR true --"] })).rows).toEqual([['0']]);
  });

  it('answers while a writer holds the folder and goes on writing', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    const counts: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      const row = plainFlow('10.0.0.1', '10.0.0.2', START + round);
      await store.history.appendFlows(flowBatchOf([row], V2, store.names));
      await store.checkpoint();
      await store.history.appendFlows(flowBatchOf([row], V2, store.names));
      counts.push((await ask(folder, 'SELECT count(*) FROM flows')).rows[0]![0]);
    }
    await store.close();
    expect(counts).toEqual(['1', '3', '5']);
  });

  it('returns no more rows than asked for and says so', async () => {
    const folder = await filledFolder();
    const result = await ask(folder, 'SELECT * FROM flows', { maxRows: 10 });
    expect(result.rows).toHaveLength(10);
    expect(result.truncated).toBe(true);
  });

  it('writes Parquet where it is told and nowhere else', async () => {
    const folder = await filledFolder();
    const parquet = join(folder, "it's.parquet");
    await ask(folder, "SELECT * FROM flows WHERE srcaddr = '10.0.1.1'", { parquet });
    const read = ENGINE.connection.runAndReadAll(`SELECT count(*) FROM '${parquet.replaceAll("'", "''")}'`);
    expect((await read).getRows()).toEqual([[26n]]);
    expect(readdirSync(folder).filter((name) => name.startsWith('.flowsentry-'))).toEqual([]);
  });

  it('that fails says what DuckDB says and leaves no file', async () => {
    const folder = await filledFolder();
    const parquet = join(folder, 'x.parquet');
    await expect(ask(folder, 'SELECT nothing FROM flows', { parquet })).rejects.toThrow(/nothing/);
    expect(existsSync(parquet)).toBe(false);
  });

  it.each([
    'SELECT count(*) FROM range(100000000) AS a, range(100000000) AS b WHERE a.range + b.range = 7',
    'WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t',
    "SELECT sum(length(repeat('x', 200000000) || range)) FROM range(1000000)",
    'SELECT max(list_sum(list_transform(range(100000000), lambda x: x * 2))) FROM range(10000)',
  ])('is killed at its limit: %s', async (sql) => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await store.checkpoint();
    await store.close();
    await expect(ask(folder, sql, { timeoutMs: 2000 })).rejects.toThrow(/cannot finish query within|memory/i);
    expect((await ask(folder, 'SELECT 42')).rows).toEqual([[42]]);
  });

  it('is killed when its result does not fit into memory', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder);
    await store.checkpoint();
    await store.close();
    await expect(
      ask(folder, "SELECT repeat('x', 3000000) || range FROM range(100000)", { memoryLimit: '128MB' }),
    ).rejects.toThrow(/memory/i);
  });

  it('has as many alerts to read as there are, and needs no memory for them when it names none', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    for (let i = 0; i < 6000; i++) {
      const alert = alertOf(i, i === 7 ? { port: 22, zone: 'prod' } : {});
      contents.alerts.set(alert.id, { alert, resolvesAt: 0, shadow: false });
    }
    await createPublisher(folder).publish(contents, {});
    expect((await ask(folder, 'SELECT count(*) FROM flows')).rows).toEqual([['0']]);
    const { id, title, firstSeen, score } = alertOf(7);
    const [all, one] = await Promise.all([
      ask(folder, 'SELECT count(*), count(DISTINCT record), count(peer_zone) FROM Alerts'),
      ask(
        folder,
        'SELECT title, port, zone, first_seen = $1::TIMESTAMP, score, peer_zone, record FROM alerts WHERE id = $2',
        { parameters: [firstSeen, id] },
      ),
    ]);
    expect(all.rows).toEqual([['6000', '6000', '0']]);
    const record = JSON.stringify(alertOf(7, { port: 22, zone: 'prod' }));
    expect(one.rows).toEqual([[title, 22, 'prod', true, score, null, record]]);
  });

  it('leaves the folder and the working directory as they were', async () => {
    const folder = await filledFolder();
    const listing = (path: string): string[] =>
      readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((file) => `${file} ${statSync(file).size} ${statSync(file).mtimeMs}`)
        .sort();
    const before = listing(folder);
    const manifest = readFileSync(join(folder, 'manifest.json'), 'utf8');
    const here = readdirSync('.').sort();
    const sorted = await ask(folder, 'SELECT * FROM range(9000000) ORDER BY hash(range)', {
      memoryLimit: '64MB',
      maxRows: 1,
    });
    expect(sorted.truncated).toBe(true);
    for (const sql of HOSTILE_SQL.filter((_, i) => i % 20 === 0))
      await expect(ask(folder, sql)).rejects.toThrow(/^cannot/);
    expect(listing(folder)).toEqual(before);
    expect(readFileSync(join(folder, 'manifest.json'), 'utf8')).toBe(manifest);
    expect(readdirSync('.').sort()).toEqual(here);
  });
});

const wordsArb = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }).map((v4) => Uint32Array.of(0, 0, 0xffff, v4)),
  fc
    .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
    .map((groups) => Uint32Array.from({ length: 4 }, (_, i) => groups[i * 2]! * 65_536 + groups[i * 2 + 1]!)),
);

const columnArb = fc.constantFrom('srcaddr', 'dstaddr', 'f.srcaddr');
const literalArb = fc.constantFrom(
  ...[
    '10.0.0.1',
    '10.0.1.1',
    '10.0.2.2',
    '2001:db8::7',
    '2001:DB8::7',
    '::ffff:10.0.0.1',
    '198.51.100.7',
    '10.0.0.01',
    'x',
    '',
  ],
);
const cidrArb = fc.constantFrom(
  '10.0.0.0/8',
  '10.0.1.0/24',
  '2001:db8::/64',
  '::/0',
  '0.0.0.0/0',
  '10.0.1.1',
);
const leafArb = fc.oneof(
  fc
    .tuple(columnArb, fc.constantFrom('=', '<>', '>', '<='), literalArb)
    .map(([c, o, l]) => `${c} ${o} '${l}'`),
  fc.tuple(literalArb, columnArb).map(([l, c]) => `'${l}' = ${c}`),
  fc
    .tuple(columnArb, fc.constantFrom('IN', 'NOT IN'), fc.array(literalArb, { minLength: 1, maxLength: 3 }))
    .map(([c, o, l]) => `${c} ${o} (${l.map((each) => `'${each}'`).join(', ')})`),
  fc.tuple(columnArb, cidrArb).map(([c, n]) => `in_cidr(${c}, '${n}')`),
  fc.constantFrom(
    'bytes % 2 = 0',
    'srcaddr = dstaddr',
    'srcaddr IS NULL',
    'is_ipv6(srcaddr)',
    "srcaddr LIKE '10.%'",
    'NULL',
  ),
);
const predicateArb = fc.letrec<{ predicate: string }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 3, arbitrary: leafArb },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('predicate'), fc.constantFrom('AND', 'OR'), tie('predicate'))
        .map(([a, o, b]) => `(${a} ${o} ${b})`),
    },
    { weight: 1, arbitrary: tie('predicate').map((a) => `NOT (${a})`) },
  ),
})).predicate;

describe('narrowing the view', () => {
  it('never changes an answer', async () => {
    const folder = await filledFolder();
    let narrowed = 0;
    await fc.assert(
      fc.asyncProperty(predicateArb, async (predicate) => {
        const sql = `SELECT count(*)::INTEGER, coalesce(sum(bytes), 0)::INTEGER FROM flows AS f WHERE ${predicate}`;
        const condition = impliedCondition(await check(sql), 'flows', []);
        if (condition === undefined) return;
        narrowed++;
        expect(await rowsOf(folder, sql, condition)).toEqual(await rowsOf(folder, sql));
      }),
      { numRuns: 60 },
    );
    expect(narrowed).toBeGreaterThan(5);
  });

  it.each([
    "SELECT * FROM flows WHERE srcaddr = '10.0.0.5'",
    "SELECT * FROM flows AS f WHERE f.dstaddr = '10.0.0.5' AND bytes > 5",
    "SELECT * FROM flows WHERE in_cidr(srcaddr, '10.0.0.0/8') OR dstaddr IN ('10.0.0.1', '::1')",
  ])('follows from %s', async (sql) => {
    expect(impliedCondition(await check(sql), 'flows', [])).toContain('UUID');
  });

  it.each([
    "SELECT * FROM flows WHERE NOT srcaddr = '10.0.0.5'",
    "SELECT * FROM flows WHERE srcaddr = '10.0.0.5' OR bytes > 5",
    "SELECT * FROM flows AS f(srcaddr) WHERE srcaddr = '10.0.0.5'",
    "SELECT * FROM flows TABLESAMPLE reservoir(10 ROWS) WHERE srcaddr = '10.0.0.5'",
    "SELECT * FROM flows AS a, flows AS b WHERE a.srcaddr = '10.0.0.5'",
    "SELECT * FROM (SELECT dstaddr AS srcaddr FROM flows) WHERE srcaddr = '10.0.0.5'",
    "SELECT * FROM flows WHERE srcaddr = '10.0.0.5' AND dstaddr IN (SELECT dstaddr FROM flows)",
    "SELECT * FROM flows WHERE srcaddr = '010.0.0.5'",
  ])('does not follow from %s', async (sql) => {
    expect(impliedCondition(await check(sql), 'flows', [])).toBeUndefined();
  });
});

describe('addresses in SQL', () => {
  it('read as their canonical text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(wordsArb, { minLength: 1, maxLength: 200 }), async (addresses) => {
        const values = addresses.map((words) => `(UUID '${uuidOf(words)}')`).join(', ');
        const result = await ENGINE.connection.runAndReadAll(
          `SELECT address_text(u) FROM (VALUES ${values}) AS t(u)`,
        );
        expect(result.getRows().map(([text]) => text)).toEqual(
          addresses.map((words) => formatAddress(words)),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('lie in a network as they do everywhere else in the product', async () => {
    const cases = fc.array(fc.tuple(wordsArb, wordsArb, fc.nat(128), fc.boolean()), {
      minLength: 1,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(cases, async (list) => {
        const pairs = list.map(([words, other, length, near]) => {
          const v4 = formatAddress(words).includes('.');
          const base = formatAddress(near ? words : other);
          const bits = base.includes('.') ? length % 33 : length;
          return { address: formatAddress(words), cidr: `${base}/${bits}`, v4 };
        });
        const values = pairs.map(({ address, cidr }) => `('${address}', '${cidr}')`).join(', ');
        const result = await ENGINE.connection.runAndReadAll(
          `SELECT in_cidr(a, c) FROM (VALUES ${values}) AS t(a, c)`,
        );
        expect(result.getRows().map(([inside]) => inside)).toEqual(
          pairs.map(({ address, cidr }) => inPrefix(parseAddress(address)!, 0, parsePrefix(cidr)!)),
        );
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["is_private('100.64.0.1')", true],
    ["is_private('fd00::1')", true],
    ["is_private('172.32.0.1')", false],
    ["is_ipv6('::ffff:10.0.0.1')", false],
    ["is_ipv6('2001:db8::1')", true],
    ["network('10.1.2.3', 24)", '10.1.2.0/24'],
    ["network('2001:db8:1:2::1', 48)", '2001:db8:1::/48'],
    ["network('10.1.2.3', 33)", null],
    ["in_cidr('x', '10.0.0.0/8')", null],
    ["in_cidr(NULL, '10.0.0.0/8')", null],
    ['address_text(NULL)', null],
  ])('%s is %s', async (expression, value) => {
    const result = await ENGINE.connection.runAndReadAll(`SELECT ${expression}`);
    expect(result.getRows()).toEqual([[value]]);
  });

  it('a text that is no network is named in the error', async () => {
    await expect(ENGINE.connection.run("SELECT in_cidr('10.0.0.1', '10.0.0.0/33')")).rejects.toThrow(
      '10.0.0.0/33',
    );
  });
});
