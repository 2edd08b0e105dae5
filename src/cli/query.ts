import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { EXIT, UserError } from '../errors.ts';
import { NAMED_QUERIES, type NamedQuery } from '../store/query/queries.ts';
import { collect, configOption, dataOption, jsonOption, numeric, whole } from './options.ts';
import { formatResult, TEXT_FORMATS, type TextFormat } from './query-output.ts';
import { tableText } from './table.ts';
import { counted, isTerminal, note, print, safe, style, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly config?: string;
  readonly list?: boolean;
  readonly name?: string;
  readonly param?: readonly string[];
  readonly format: TextFormat | 'parquet';
  readonly json?: boolean;
  readonly out?: string;
  readonly timeout?: number;
  readonly maxRows?: number;
}

const EXAMPLES = `
Tables: flows, sessions, windows, alerts, rejects. Columns have AWS's names with underscores.
Macros: in_cidr(addr, '10.0.0.0/8'), is_private(addr). Times are UTC.

Examples:
  flowsentry query "SELECT dstport, count(*) FROM flows GROUP BY dstport ORDER BY 2 DESC LIMIT 10"
  flowsentry query "SELECT * FROM sessions WHERE in_cidr(srcaddr, '10.0.1.0/24') LIMIT 5" --format jsonl
  flowsentry query --list
  flowsentry query --name who-talked-to --param address=10.0.0.5 --format csv --out peers.csv
  flowsentry query "SELECT * FROM flows" --format parquet --out flows.parquet`;

export function addQuery(program: Command): void {
  program
    .command('query')
    .summary('ask the history in SQL')
    .description('Runs one SELECT over the history, also while a replay is writing it.')
    .argument('[sql]', 'one SELECT')
    .option('--list', 'list the named queries')
    .option('--name <name>', 'run a named query')
    .option('--param <name=value>', 'parameter of a named query; may be repeated', collect)
    .addOption(
      new Option('--format <format>', 'how to print').choices([...TEXT_FORMATS, 'parquet']).default('table'),
    )
    .addOption(jsonOption('the same as --format json'))
    .option('--out <file>', 'write to a file')
    .option(
      '--timeout <seconds>',
      'stop after so long (default: 30, or what the configuration says)',
      numeric(0.1),
    )
    .option('--max-rows <n>', 'rows at most (default: 10000, or what the configuration says)', whole(1))
    .addOption(dataOption())
    .addOption(configOption())
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(sql: string | undefined, options: Options, command: Command): Promise<void> {
  if (options.list === true) return list(options.json === true);
  if ((sql === undefined) === (options.name === undefined))
    command.error('error: give either SQL or --name NAME; --list shows the names');
  const format = options.json === true ? 'json' : options.format;
  if (format === 'parquet' && options.out === undefined)
    command.error('error: Parquet needs a file: --out FILE');
  if (options.name === undefined && options.param !== undefined)
    command.error('error: --param belongs to a named query: --name NAME');

  const named = options.name === undefined ? undefined : findQuery(options.name);
  const [{ loadConfig }, { runQuery }] = await Promise.all([
    import('../config.ts'),
    import('../store/query/query.ts'),
  ]);
  const { query } = await loadConfig(options.config);
  const result = await runQuery({
    dataDir: options.data,
    sql: named?.sql ?? sql ?? '',
    parameters: named === undefined ? [] : parametersOf(named, options.param ?? []),
    timeoutMs: (options.timeout ?? query.timeout) * 1000,
    maxRows: options.maxRows ?? query.maxRows,
    memoryLimit: query.memory,
    ...(format === 'parquet' && options.out !== undefined ? { parquet: options.out } : {}),
  });
  if (format !== 'parquet') {
    const toFile = options.out !== undefined;
    const text = formatResult(result, format, !toFile && isTerminal());
    if (toFile) await writeFile(options.out, text);
    else process.stdout.write(text);
  }
  if (options.out !== undefined) note(`wrote ${safe(options.out)} in ${result.seconds.toFixed(2)} s`);
  else if (format === 'table')
    note(`${counted(result.rows.length, 'row')} in ${result.seconds.toFixed(2)} s`);
  if (result.truncated)
    note('there are more rows: allow them with --max-rows, or write them with --format parquet');
}

function list(json: boolean): void {
  if (json) {
    print(toJson(NAMED_QUERIES));
    return;
  }
  for (const { name, summary, parameters } of NAMED_QUERIES) {
    print(`${style('bold', name)}: ${summary}`);
    for (const parameter of parameters)
      print(
        `  --param ${parameter.name}=…   ${parameter.summary}${parameter.default === undefined ? '' : ` (optional)`}`,
      );
  }
  print(
    `\n${tableText(
      ['table', 'one row is'],
      [
        ['flows', 'a record as it was logged'],
        ['sessions', 'a connection: both directions, joined over time'],
        ['windows', 'a minute of one address'],
        ['alerts', 'what was found'],
        ['rejects', 'a record that could not be used'],
      ],
    )}`,
  );
}

function findQuery(name: string): NamedQuery {
  const found = NAMED_QUERIES.find((query) => query.name === name);
  if (found === undefined)
    throw new UserError(
      `cannot run query ${JSON.stringify(name)}: there are ${NAMED_QUERIES.map((query) => query.name).join(', ')}`,
      { exitCode: EXIT.usage },
    );
  return found;
}

/** Values in the order of the query's parameters, from `name=value` texts. */
function parametersOf(query: NamedQuery, given: readonly string[]): string[] {
  const values = new Map<string, string>();
  const known = query.parameters.map((parameter) => parameter.name);
  for (const text of given) {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    if (at < 0 || !known.includes(name))
      throw new UserError(
        `cannot use --param ${JSON.stringify(text)}: write name=value; ${query.name} takes ${known.join(', ')}`,
        { exitCode: EXIT.usage },
      );
    values.set(name, text.slice(at + 1));
  }
  return query.parameters.map(({ name, summary, default: fallback }) => {
    const value = values.get(name) ?? fallback;
    if (value === undefined)
      throw new UserError(`cannot run query ${query.name}: it needs --param ${name}=… (${summary})`, {
        exitCode: EXIT.usage,
      });
    return value;
  });
}
