import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { jsonOption } from './options.ts';
import { counted, print, safe, style, toJson } from './terminal.ts';

const DEFAULT_FILE = 'flowsentry.yaml';

export function addCheckConfig(program: Command): void {
  program
    .command('check-config')
    .summary('validate a configuration')
    .description(
      'Checks a configuration file and tells every problem with its line; exits with 2 when there is one.',
    )
    .argument('[file]', 'configuration (YAML)', DEFAULT_FILE)
    .option('--schema', 'print the JSON Schema of the configuration')
    .addOption(jsonOption('print the complete configuration, with every default, as JSON'))
    .addHelpText(
      'after',
      `
Examples:
  flowsentry check-config flowsentry.yaml
  flowsentry check-config --schema > flowsentry.schema.json

Editors that know YAML check as you type with this as first line of the file:
  # yaml-language-server: $schema=flowsentry.schema.json`,
    )
    .action(run);
}

async function run(
  file: string,
  options: { readonly schema?: boolean; readonly json?: boolean },
): Promise<void> {
  const { configSchema } = await import('../config-schema.ts');
  if (options.schema === true) return print(JSON.stringify(configSchema(), null, 2));
  const { loadConfig } = await import('../config.ts');
  const config = await loadConfig(file);
  if (config.policy !== undefined) {
    const { readPolicy } = await import('../reference/policy/file.ts');
    readPolicy(await readFile(config.policy, 'utf8'), config.policy, config.inventory !== undefined);
  }
  if (options.json === true) return print(toJson(config));
  print(`${safe(file)} is ${style('green', 'valid')}`);
  for (const [id, { mode }] of Object.entries(config.detectors)) print(`  ${id}: ${mode}`);
  print(
    `  ${counted(config.feeds.length, 'feed')}, ${counted(config.exceptions.length, 'exception')}, policy ${safe(config.policy ?? 'none')}`,
  );
}
