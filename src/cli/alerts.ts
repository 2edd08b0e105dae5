import { type Command, Option } from 'commander';
import { type Alert, SEVERITIES, type Severity } from '../contracts.ts';
import { EXIT, UserError } from '../errors.ts';
import { assetText, networkText } from '../send/words/text.ts';
import { addAlertRemarks } from './alert-remarks.ts';
import { alertTable, bySeverity, endsOf } from './alert-text.ts';
import { coverageLines } from './coverage-text.ts';
import { findAlert, readAlerts, readShadowed } from './find-alert.ts';
import { DEFAULT_DATA, dataOption, jsonOption, severityOption, whole } from './options.ts';
import { tableText } from './table.ts';
import {
  COMMAND,
  counted,
  grouped,
  note,
  print,
  safe,
  severityText,
  shellWord,
  style,
  toJson,
} from './terminal.ts';

interface ListOptions {
  readonly data: string;
  readonly severity?: Severity;
  readonly detector?: string;
  readonly state?: string;
  readonly shadow?: boolean;
  readonly limit: number;
  readonly json?: boolean;
}

export function addAlerts(program: Command): void {
  const command = program
    .command('alerts')
    .summary('what was found')
    .description('Shows the alerts of a data folder.');
  command.addHelpText(
    'after',
    `
Examples:
  flowsentry alerts list --severity high
  flowsentry alerts show 1f3a90c2`,
  );
  command
    .command('list', { isDefault: true })
    .description('Lists alerts, the most severe first.')
    .addOption(dataOption())
    .addOption(severityOption('--severity <severity>', 'only those as severe as this'))
    .option('--detector <id>', 'only those of one detector')
    .addOption(new Option('--state <state>', 'only those in this state').choices(['firing', 'resolved']))
    .option('--shadow', 'those of detectors in the shadow, which nobody is told of, instead')
    .option('--limit <n>', 'at most so many', whole(1), 100)
    .addOption(jsonOption('print JSON Lines'))
    .addHelpText('after', '\nExample:\n  flowsentry alerts list --severity medium --detector port-scan')
    .action(list);
  command
    .command('show')
    .description(
      'Shows an alert with its evidence, the query that reproduces it and the exception that mutes it.',
    )
    .argument('<id>', 'id of an alert, or the beginning of it')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry alerts show 1f3a90c2')
    .action(show);
  addAlertRemarks(command);
}

async function list(options: ListOptions): Promise<void> {
  const least = options.severity === undefined ? 0 : SEVERITIES.indexOf(options.severity);
  const isAskedFor = (alert: Alert): boolean =>
    SEVERITIES.indexOf(alert.severity) >= least &&
    (options.detector === undefined || alert.detector === options.detector) &&
    (options.state === undefined || alert.state === options.state);
  const stored = [await readShadowed(options.data), await readAlerts(options.data)] as const;
  if (options.detector !== undefined) await checkDetector(options.detector, stored.flat());
  const [shadowed, told] = [stored[0].filter(isAskedFor), stored[1].filter(isAskedFor)];
  const all = (options.shadow === true ? shadowed : told).sort(bySeverity);
  const shown = all.slice(0, options.limit);
  if (options.json === true) for (const alert of shown) print(toJson(alert));
  else if (shown.length > 0) print(alertTable(shown, true));
  else print(['no alerts', ...(await coveredBy(options.data))].join('\n'));
  if (shown.length < all.length)
    note(`${grouped(all.length - shown.length)} more: allow them with --limit ${all.length}`);
  if (shadowed.length > 0 && options.shadow !== true)
    note(`${counted(shadowed.length, 'alert')} in the shadow, which nobody is told of: --shadow lists them`);
}

/** A detector that neither is nor has found anything has no alerts for another reason than that all is well. */
async function checkDetector(id: string, stored: readonly Alert[]): Promise<void> {
  const { detectors } = await import('./detector-parameters.ts');
  const known = new Set(
    [...detectors, ...stored.map(({ detector }) => ({ id: detector }))].map((one) => one.id),
  );
  if (known.has(id)) return;
  throw new UserError(
    `cannot list alerts of detector ${JSON.stringify(id)}: there are ${[...known].sort().join(', ')}`,
    { exitCode: EXIT.usage },
  );
}

async function show(id: string, options: { readonly data: string; readonly json?: boolean }): Promise<void> {
  const alert = await findAlert(options.data, id);
  print(options.json === true ? toJson(alert) : alertText(alert, options.data));
}

/** That nothing was found says only as much as what was looked at. */
async function coveredBy(data: string): Promise<string[]> {
  const { readManifest } = await import('../store/manifest/manifest.ts');
  const coverage = (await readManifest(data))?.coverage;
  return coverage === undefined ? [] : coverageLines(coverage);
}

function alertText(alert: Alert, data: string): string {
  const at = data === DEFAULT_DATA ? '' : ` --data ${shellWord(data)}`;
  const facts: [string, string][] = [
    ['id', alert.id],
    ['detector', alert.detector],
    ['severity', severityText(alert.severity)],
    ['state', alert.state],
    ['who', endsOf(alert)],
    ['that is', assetText(alert.asset) ?? ''],
    ['the other end', assetText(alert.peerAsset) ?? ''],
    ['who is in', networkText(alert.network) ?? ''],
    ['the other end is in', networkText(alert.peerNetwork) ?? ''],
    ['asked for', alert.peerNames?.join(', ') ?? ''],
    ['interface', alert.interface ?? ''],
    ['account', alert.account ?? ''],
    ['zone', alert.zone ?? ''],
    ['peer zone', alert.peerZone ?? ''],
    ['first seen', alert.firstSeen],
    ['last seen', alert.lastSeen],
    ['found in the past', alert.retro ?? ''],
    ['count', grouped(alert.count)],
    ['score', alert.score.toFixed(3)],
    ['ATT&CK', alert.attack.join(', ')],
  ];
  const named = facts.filter(([, value]) => value !== '');
  const why = Object.entries(alert.explanation).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  return [
    style('bold', safe(alert.title)),
    ...named.map(([name, value]) => line(name, name === 'severity' ? value : safe(value))),
    '',
    style('bold', 'why'),
    ...why.map(([name, value]) => line(name, safe(value))),
    '',
    style('bold', 'evidence'),
    samplesText(alert),
    '',
    style('bold', 'see it in the history'),
    `  ${COMMAND} query${at} ${shellWord(alert.query.replace(/\s+/g, ' '))}`,
    '',
    style('bold', 'mute just this, in the configuration'),
    ...alert.exception
      .trimEnd()
      .split('\n')
      .map((text) => `  ${safe(text)}`),
  ].join('\n');
}

/** As long as the longest names that detectors give their numbers, about. */
const NAME_WIDTH = 18;

function line(name: string, value: string): string {
  return `  ${style('dim', name.padEnd(NAME_WIDTH))} ${value}`;
}

function samplesText({ samples }: Alert): string {
  const [first] = samples;
  if (first === undefined) return '  no samples';
  const names = Object.keys(first) as (keyof typeof first)[];
  return tableText(
    names,
    samples.map((sample) => names.map((name) => safe(String(sample[name])))),
  );
}
