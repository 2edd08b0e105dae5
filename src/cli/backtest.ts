import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Command } from 'commander';
import type { SettingChange } from '../config.ts';
import { EXIT, UserError } from '../errors.ts';
import { collect, configOption, dataOption, jsonOption, secondsOf, timeOf, whole } from './options.ts';
import { createProgress } from './progress.ts';
import { note, print, safe, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly config?: string;
  readonly detector: string;
  readonly set?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly warmUp?: number;
  readonly chart?: string;
  readonly maxAlertsPerDay?: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Reads the records of the history, from which it rebuilds connections and judges them as \`run\` and \`replay\` do. Without --set, what the configuration
says is compared with the alerts that are stored; with it, what is changed with what the configuration says, on the same records. An alert counts
when it begins to fire. Before --from the detector learns for as long as it says it needs, or --warm-up. Feeds are as they were kept last.
It reads only: a service may go on writing.

Exit codes: 0 done · 3 some day (UTC) has more alerts than --max-alerts-per-day.

Examples:
  flowsentry backtest --detector port-scan
  flowsentry backtest --detector beacon --set score=0.9 --from 2026-01-01 --to 2026-02-01 --chart beacon.svg
  flowsentry backtest --detector volume-spike --set learnDays=14 --max-alerts-per-day 20 --json`;

export function addBacktest(program: Command): void {
  program
    .command('backtest')
    .summary('try a detector on stored history')
    .description('Shows what a detector finds in the stored history, with its parameters or others.')
    .requiredOption('--detector <id>', 'id of a detector')
    .option('--set <name=value>', 'a parameter to try instead; may be repeated', collect)
    .option('--from <time>', 'UTC date or time from which on alerts count (default: all)', timeOf)
    .option('--to <time>', 'UTC date or time up to which they do (default: all)', timeOf)
    .option('--warm-up <time>', 'how long it learns before: 12h, 14d', secondsOf)
    .option('--chart <file>', 'write the chart as SVG')
    .option('--max-alerts-per-day <n>', 'exit with 3 when a day has more', whole(0))
    .addOption(dataOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const { chart, detector, maxAlertsPerDay } = options;
  if (chart !== undefined && extname(chart).toLowerCase() !== '.svg')
    command.error('error: --chart writes SVG, which browsers and converters read: give FILE.svg');
  const [{ loadConfig }, { backtest }, report] = await Promise.all([
    import('../config.ts'),
    import('../backtest.ts'),
    import('./backtest-report.ts'),
  ]);
  const config = await loadConfig(options.config);
  if (config.detectors[detector] === undefined)
    throw new UserError(
      `cannot test detector ${JSON.stringify(detector)}: there are ${Object.keys(config.detectors).join(', ')}`,
      { exitCode: EXIT.usage },
    );
  const progress = createProgress();
  const changes = changesOf(detector, options.set ?? []);
  const test = await backtest({
    data: options.data,
    config,
    changed: changes.length === 0 ? undefined : await loadConfig(options.config, changes),
    detectors: [detector],
    from: options.from,
    to: options.to,
    warmUp: options.warmUp,
    warn: (message) => {
      progress.end();
      note(safe(message));
    },
    onProgress: progress.show,
  }).finally(progress.end);
  const result = report.reportOf(test);
  if (chart !== undefined) {
    const { chartSvg } = await import('./bar-chart.ts');
    const drawn = report.backtestChart(test);
    await writeFile(chart, chartSvg(drawn, drawn.size === 86_400 ? maxAlertsPerDay : undefined));
  }
  print(options.json === true ? toJson(result) : report.reportText(test, result));
  if (chart !== undefined && options.json !== true) note(`wrote ${safe(chart)}`);
  const failures = Object.entries(result.failures);
  for (const [id, message] of failures) note(safe(`${id} failed: ${message}`));
  if (failures.length > 0) process.exitCode = EXIT.error;
  else if (maxAlertsPerDay !== undefined && result.mostInADay > maxAlertsPerDay) {
    note(`${result.mostInADay} alerts in a day are more than ${maxAlertsPerDay}`);
    process.exitCode = EXIT.found;
  }
}

/** Settings of the configuration from `name=value` texts; a value is JSON or a text, and `a.b` names a setting in a group. */
function changesOf(detector: string, given: readonly string[]): SettingChange[] {
  return given.map((text) => {
    const at = text.indexOf('=');
    if (at < 1)
      throw new UserError(`cannot use --set ${JSON.stringify(text)}: write name=value`, {
        exitCode: EXIT.usage,
      });
    const path = ['detectors', detector, ...text.slice(0, at).split('.')];
    return { path, value: parsed(text.slice(at + 1)) };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
