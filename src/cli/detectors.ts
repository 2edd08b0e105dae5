import type { Command } from 'commander';
import { EXIT, UserError } from '../errors.ts';
import { jsonOption } from './options.ts';
import { tableText } from './table.ts';
import { COMMAND, cut, lengthOf, print, style, toJson } from './terminal.ts';

interface Options {
  readonly json?: boolean;
}

export function addDetectors(program: Command): void {
  const command = program
    .command('detectors')
    .summary('what is looked for')
    .description('Shows the detectors.');
  command.addHelpText(
    'after',
    `
Examples:
  flowsentry detectors list
  flowsentry detectors show port-scan`,
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
  ];
  print(lines.join('\n'));
}
