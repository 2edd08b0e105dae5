import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { SEVERITIES, type Severity } from '../contracts.ts';
import { EXIT } from '../errors.ts';
import { endWith, onInterrupt } from './interrupt.ts';
import { configOption, dataOption, jsonOption, severityOption } from './options.ts';
import { createProgress } from './progress.ts';
import { summaryText } from './replay-summary.ts';
import { note, print, safe, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly config?: string;
  readonly format?: string;
  readonly alerts?: string;
  readonly json?: boolean;
  readonly restart?: boolean;
  readonly failOn?: Severity;
}

const EXAMPLES = `
Goes on where an earlier run of the same files was cut off; what was read before is not read twice.

Examples:
  flowsentry replay /var/log/flow-logs
  flowsentry replay monday.log.gz tuesday.log.gz --data week --alerts alerts.jsonl
  flowsentry replay custom.log --format '\${interface-id} \${srcaddr} \${dstaddr} \${start} \${end} \${action}'
  flowsentry replay logs --config flowsentry.yaml --fail-on high --json`;

export function addReplay(program: Command): void {
  program
    .command('replay')
    .summary('read logs, alert and keep history')
    .description(
      'Reads flow logs (files and folders, in order of their times) through every detector into a data folder.',
    )
    .argument('<path...>', 'files or folders: text, gzip, JSON or Parquet')
    .addOption(dataOption())
    .addOption(configOption())
    .option(
      '--format <format>',
      `the records' format, when they don't say: '\${version} \${account-id} …' or a header line`,
    )
    .option('--alerts <file>', 'write the alerts as JSON Lines')
    .addOption(jsonOption('end with one line of JSON instead of the summary'))
    .option('--restart', 'forget what an earlier run left in the data folder')
    .addOption(severityOption('--fail-on <severity>', 'exit with 3 when there is an alert as severe as this'))
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(paths: readonly string[], options: Options): Promise<void> {
  // Nothing is lost: what is not in a checkpoint is read again by the next run.
  const again = options.restart === true ? 'the same command without --restart' : 'the same command';
  onInterrupt(endWith(`interrupted: ${again} goes on where this one stopped`));
  const { openReader } = await import('../reader/reader.ts');
  // Its thread starts while this one loads the rest: a quarter of a second.
  await using reader = openReader();
  const { loadConfig } = await import('../config.ts');
  const config = await loadConfig(options.config);
  const { replay } = await import('../app.ts');
  const progress = createProgress();
  const summary = await replay({
    paths,
    data: options.data,
    config,
    format: options.format,
    restart: options.restart === true,
    reader,
    onProgress: progress.show,
    warn: (message) => {
      progress.end();
      note(safe(message));
    },
  }).finally(progress.end);

  if (options.alerts !== undefined)
    await writeFile(options.alerts, summary.book.map((alert) => `${toJson(alert)}\n`).join(''));
  if (options.json === true) {
    const { received, stored, rejected, duplicate, late, filtered, sessions, alerts } = summary;
    const { seconds, recordsPerSecond, peakRssBytes, coverage } = summary;
    print(
      toJson({
        received,
        stored,
        rejected,
        duplicate,
        late,
        filtered,
        sessions,
        alerts,
        seconds,
        recordsPerSecond,
        peakRssBytes,
        coverage,
      }),
    );
  } else print(summaryText(summary, options.data));

  const { failOn } = options;
  if (failOn !== undefined) {
    const least = SEVERITIES.indexOf(failOn);
    if (summary.book.some((alert) => SEVERITIES.indexOf(alert.severity) >= least))
      process.exitCode = EXIT.found;
  }
}
