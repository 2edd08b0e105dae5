import type { Command } from 'commander';
import type { Baseline } from '../baseline.ts';
import { EXIT, UserError } from '../errors.ts';
import { alertTable, bySeverity } from './alert-text.ts';
import { collect, configOption, dataOption, jsonOption, timeOf } from './options.ts';
import { createProgress } from './progress.ts';
import { tableText } from './table.ts';
import { counted, grouped, lengthOf, minuteOf, note, print, safe, style, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly config?: string;
  readonly detector?: readonly string[];
  readonly from?: number;
  readonly json?: boolean;
}

const HISTORY = 'history';
/** Alerts that are shown of those that learning passed over. */
const SHOWN = 20;

export function addBaseline(program: Command): void {
  const baseline = program
    .command('baseline')
    .summary('what detectors take for normal')
    .description('Shows what detectors have learnt, and has them learn anew from the stored history.')
    .addHelpText(
      'after',
      `
Examples:
  flowsentry baseline show
  flowsentry baseline build --from history --config flowsentry.yaml`,
    );
  baseline
    .command('show')
    .summary('what was learnt')
    .description('Shows what detectors have learnt, as of the last checkpoint; a service may go on writing.')
    .option('--detector <id>', 'only of this one; may be repeated', collect)
    .addOption(dataOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  flowsentry baseline show --detector unexpected-egress --config flowsentry.yaml`,
    )
    .action(show);
  baseline
    .command('build')
    .summary('learn anew from the stored history')
    .description(
      'Has detectors learn from the stored history what they would know had they run all the time with this configuration: after a fresh start of the state, a changed parameter, another way to say roles, or a detector that was off.',
    )
    .requiredOption(
      '--from <history>',
      'what to learn from: history, or a UTC date or time of it from which on',
    )
    .option('--detector <id>', 'only this one; may be repeated (default: all that are not off)', collect)
    .addOption(dataOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The state that the next start of the service reads gets what was learnt, in one checkpoint; everything else in it stays. It takes the lock of the data
folder: stop the service first. What is found while learning is shown here and told to nobody: look at it, since from then on it is not news.

Examples:
  flowsentry baseline build --from history --config flowsentry.yaml
  flowsentry baseline build --from 2026-01-01 --detector unexpected-egress --detector volume-spike`,
    )
    .action(build);
}

async function show(options: Options): Promise<void> {
  const { loadConfig } = await import('../config.ts');
  const { readBaselines } = await import('../baseline.ts');
  const config = await loadConfig(options.config);
  const wanted = chosen(options.detector, config.detectors);
  const all = await readBaselines(config, options.data, (message) => note(safe(message)));
  const baselines = all.filter(({ detector }) => wanted.includes(detector));
  if (options.json === true) for (const one of baselines) print(toJson(one));
  else print(baselines.map(baselineText).join('\n\n'));
}

function baselineText({ detector, bytes, learnt }: Baseline): string {
  const head = `${style('bold', detector)}  ${bytes === 0 ? 'nothing yet' : `${grouped(bytes)} bytes of state`}`;
  if (learnt.length === 0) return head;
  const names = [...new Set(learnt.flatMap(({ counts }) => Object.keys(counts)))];
  const rows = learnt.map(({ about, since, isKnown, counts }) => [
    safe(about),
    since === 0 ? '' : minuteOf(since),
    isKnown ? 'yes' : style('dim', 'learning'),
    ...names.map((name) => grouped(counts[name] ?? 0)),
  ]);
  const numbers = names.map((_, i) => i + 3);
  return `${head}\n${tableText(['what', 'since (UTC)', 'judged', ...names], rows, numbers)}`;
}

async function build(options: Omit<Options, 'from'> & { readonly from: string }): Promise<void> {
  const from = options.from === HISTORY ? undefined : timeOf(options.from);
  const [{ loadConfig }, { buildBaseline }] = await Promise.all([
    import('../config.ts'),
    import('../baseline.ts'),
  ]);
  const config = await loadConfig(options.config);
  const progress = createProgress();
  const built = await buildBaseline({
    data: options.data,
    config,
    detectors: chosen(options.detector, config.detectors),
    from,
    warn(message) {
      progress.end();
      note(safe(message));
    },
    onProgress: progress.show,
  }).finally(progress.end);
  const { alerts, ...rest } = built;
  if (options.json === true) return print(toJson({ ...rest, alerts }));
  print(
    [
      `${built.detectors.length} detectors have learnt from ${counted(built.records, 'record')}, ${minuteOf(built.from)} to ${minuteOf(built.to)} UTC (${lengthOf(built.to - built.from)}): ${built.detectors.join(', ')}`,
      'the next start of the service goes on with it',
    ].join('\n'),
  );
  if (alerts.length === 0) return;
  const worst = [...alerts].sort(bySeverity);
  print(
    `\n${counted(alerts.length, 'finding')} on the way, told to nobody:\n\n${alertTable(worst.slice(0, SHOWN))}`,
  );
  if (worst.length > SHOWN) note(`${grouped(worst.length - SHOWN)} more: --json has all`);
}

/** Ids of those that were named, or of all that are not off. */
function chosen(
  named: readonly string[] | undefined,
  detectors: Readonly<Record<string, { readonly mode: string }>>,
): string[] {
  const running = Object.entries(detectors).flatMap(([id, { mode }]) => (mode === 'off' ? [] : [id]));
  for (const id of named ?? [])
    if (!running.includes(id))
      throw new UserError(`no such detector, or it is off: ${id}; there are ${running.join(', ')}`, {
        exitCode: EXIT.usage,
      });
  return named === undefined ? running : [...named];
}
