import type { Command } from 'commander';
import { REJECT_REASONS } from '../contracts.ts';
import { askHistory } from './history-query.ts';
import { dataOption, jsonOption, whole } from './options.ts';
import { tableText } from './table.ts';
import { cut, grouped, isTerminal, note, print, safe, style, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly reason?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** Room for a record in a pipe; on a terminal what is left of the line. */
const RAW_WIDTH = 160;

export function addRejects(program: Command): void {
  program
    .command('rejects')
    .summary('records that could not be used')
    .description('Shows records that were rejected, with reason, source and position.')
    .addOption(dataOption())
    .option('--reason <reason>', 'only those rejected for this')
    .option('--limit <n>', 'at most so many', whole(1), 20)
    .addOption(jsonOption('print JSON Lines, records whole'))
    .addHelpText(
      'after',
      `
Reasons:
  ${REJECT_REASONS.join(', ')}

Examples:
  flowsentry rejects
  flowsentry rejects --reason bad-address --limit 5 --json`,
    )
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const { reason, limit } = options;
  if (reason !== undefined && !(REJECT_REASONS as readonly string[]).includes(reason))
    command.error(`error: no such reason: ${reason}; there are ${REJECT_REASONS.join(', ')}`);
  const { rows } = await askHistory(
    options.data,
    'SELECT reason, source, position, raw FROM rejects WHERE $1 IS NULL OR reason = $1 ORDER BY source, position LIMIT $2::BIGINT',
    [reason ?? null, limit],
  );
  if (options.json === true) {
    for (const [why, source, position, raw] of rows) print(toJson({ reason: why, source, position, raw }));
    return;
  }
  const counts = await askHistory(
    options.data,
    'SELECT reason, count(*) AS records FROM rejects WHERE $1 IS NULL OR reason = $1 GROUP BY reason ORDER BY records DESC, reason',
    [reason ?? null],
  );
  const total = counts.rows.reduce((sum, row) => sum + Number(row[1]), 0);
  if (total === 0) return print('no rejected records');
  print(
    `${style('bold', `${grouped(total)} rejected`)}: ${counts.rows.map(([why, count]) => `${grouped(Number(count))} ${safe(String(why))}`).join(', ')}\n`,
  );
  const room = isTerminal() ? Math.max(20, process.stdout.columns - 60) : RAW_WIDTH;
  print(
    tableText(
      ['reason', 'source', 'position', 'record'],
      rows.map(([why, source, position, raw]) => [
        safe(String(why)),
        safe(String(source)),
        String(position),
        cut(safe(String(raw)), room),
      ]),
      [2],
    ),
  );
  if (rows.length < total) note(`${grouped(total - rows.length)} more: allow them with --limit`);
}
