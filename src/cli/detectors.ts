import type { Command } from 'commander';
import { z } from 'zod';
import type { DetectorModule } from '../../detectors/define.ts';
import { detectors } from '../../detectors/index.ts';
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

function list(options: Options): void {
  if (options.json === true) {
    print(toJson(detectors.map(publicOf)));
    return;
  }
  print(
    tableText(
      ['detector', 'what it sees', 'ATT&CK'],
      detectors.map(({ id, summary, attack }) => [style('bold', id), summary, attack.join(' ')]),
    ),
  );
  print(`\nparameters: ${COMMAND} detectors show ID`);
}

function show(id: string, options: Options): void {
  const module = detectors.find((each) => each.id === id);
  if (module === undefined)
    throw new UserError(
      `cannot show detector ${JSON.stringify(id)}: there are ${detectors.map((each) => each.id).join(', ')}`,
      { exitCode: EXIT.usage },
    );
  if (options.json === true) {
    print(toJson(publicOf(module)));
    return;
  }
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

function publicOf(module: DetectorModule) {
  const { id, summary, attack, fields, quietPeriod } = module;
  return { id, summary, attack, fields, quietPeriod, parameters: parametersOf(module) };
}

interface Parameter {
  readonly name: string;
  readonly default: unknown;
  readonly description: string;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly default?: unknown;
  readonly description?: string;
}

/** Every parameter of a detector, those of groups as `group.name`. */
export function parametersOf(module: DetectorModule): Parameter[] {
  return walk(z.toJSONSchema(module.config, { io: 'input' }) as JsonSchema, '');
}

function walk(schema: JsonSchema, before: string): Parameter[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) =>
    property.properties === undefined
      ? [{ name: `${before}${key}`, default: property.default, description: property.description ?? '' }]
      : walk(property, `${before}${key}.`),
  );
}
