import type { Command } from 'commander';
import { EXIT, UserError } from '../errors.ts';
import { dataOption, jsonOption, timeOf } from './options.ts';
import { tableText } from './table.ts';
import { COMMAND, cut, lengthOf, print, style, toJson } from './terminal.ts';

interface Options {
  readonly json?: boolean;
}

interface ReportOptions extends Options {
  readonly data: string;
  readonly detector?: string;
  readonly from?: number;
  readonly to?: number;
}

export function addDetectors(program: Command): void {
  const command = program
    .command('detectors')
    .summary('what is looked for')
    .description('Shows the detectors, and what they found.');
  command.addHelpText(
    'after',
    `
Examples:
  flowsentry detectors list
  flowsentry detectors show port-scan
  flowsentry detectors report --from 2026-01-01`,
  );
  command
    .command('list', { isDefault: true })
    .description('Lists all detectors.')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry detectors list --json')
    .action(list);
  command
    .command('show')
    .description('Shows a detector with every parameter.')
    .argument('<id>', 'id of a detector')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry detectors show port-scan')
    .action(show);
  command
    .command('report')
    .description(
      'Shows what each detector told people of, or would have from the shadow: by day, by subject, and what people said of it.',
    )
    .option('--detector <id>', 'only this one')
    .option('--from <time>', 'UTC date or time from which on alerts count (default: all)', timeOf)
    .option('--to <time>', 'UTC date or time up to which they do (default: all)', timeOf)
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
An alert counts each time it begins to fire, in event time. In mode: shadow nobody is told; with \`promote: {after: 48h, budget: 20/day}\` that ends
when for 48 hours no more than 20 began to fire within any 24. What people say comes from \`alerts close\`.

Examples:
  flowsentry detectors report
  flowsentry detectors report --detector beacon --from 2026-01-01 --to 2026-02-01 --json`,
    )
    .action(report);
}

async function list(options: Options): Promise<void> {
  const { detectors, publicOf } = await import('./detector-parameters.ts');
  if (options.json === true) return print(toJson(detectors.map(publicOf)));
  print(
    tableText(
      ['detector', 'what it sees', 'ATT&CK'],
      detectors.map(({ id, summary, attack }) => [style('bold', id), summary, attack.join(' ')]),
    ),
  );
  print(`\nparameters: ${COMMAND} detectors show ID`);
}

async function report({ data, detector, from, to, json }: ReportOptions): Promise<void> {
  const { readReported, reportOn, reportText } = await import('./detector-report.ts');
  const reported = await readReported(data);
  const result = reportOn(reported, { from, to });
  if (detector !== undefined && !result.detectors.some((each) => each.detector === detector))
    throw new UserError(
      `cannot report on detector ${JSON.stringify(detector)}: there are ${result.detectors.map((each) => each.detector).join(', ')}`,
      { exitCode: EXIT.usage },
    );
  if (json !== true) return print(reportText(result, reported.alerts, detector));
  const detectors = result.detectors.filter((each) => (detector ?? each.detector) === each.detector);
  const [first, last] = [result.from, result.to].map((time) => new Date(time * 1000).toISOString());
  print(toJson({ from: first, to: last, detectors }));
}

async function show(id: string, options: Options): Promise<void> {
  const { detectors, parametersOf, publicOf } = await import('./detector-parameters.ts');
  const module = detectors.find((each) => each.id === id);
  if (module === undefined)
    throw new UserError(
      `cannot show detector ${JSON.stringify(id)}: there are ${detectors.map((each) => each.id).join(', ')}`,
      { exitCode: EXIT.usage },
    );
  if (options.json === true) return print(toJson(publicOf(module)));
  const { fields } = module;
  const lines = [
    `${style('bold', module.id)}: ${module.summary}`,
    `ATT&CK: ${module.attack.join(', ')}`,
    `resolves after ${lengthOf(module.quietPeriod)} without a new finding`,
    `needs: ${fields.required.join(', ')}`,
    ...fields.helpful.map(({ field, why }) => `better with ${field}: ${why}`),
    '',
    tableText(
      ['parameter', 'default', 'what it does'],
      parametersOf(module).map(({ name, default: value, description }) => [
        name,
        cut(JSON.stringify(value), 48),
        description,
      ]),
    ),
    '',
    'in the configuration:',
    '  detectors:',
    `    ${module.id}: { mode: shadow }   # off, shadow or alert; parameters go here too`,
    '    # tells people when it kept to 20 alerts a day for two days:',
    `    ${module.id}: { mode: shadow, promote: { after: 48h, budget: 20/day } }`,
  ];
  print(lines.join('\n'));
}
