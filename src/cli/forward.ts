import type { Command } from 'commander';
import { EXIT } from '../errors.ts';
import { startService } from './long-running.ts';
import { dataOption } from './options.ts';

interface Options {
  readonly data: string;
  readonly config: string;
}

const EXAMPLES = `
Lines and JSON documents go on as they came, keyed by their interface, so that all records of one meet one worker; lines after the names of
their fields, so that whoever reads them needs no format. Each counts once for readers of committed transactions, such as run, whatever
happens to this process: positions are kept in the data folder and bound in the transaction. Logs go to standard error. Stop it with SIGTERM
or Ctrl-C; the next start goes on there.

Example of a configuration:
  sources:
    - {type: file, name: collected, paths: [/var/log/flow-logs]}
  forward: {brokers: ["kafka-1:9093"], topic: flow-logs}

Examples:
  flowsentry forward --config forward.yaml --data /var/lib/flowsentry-forward`;

export function addForward(program: Command): void {
  program
    .command('forward')
    .summary('read live sources and write them to a topic of Kafka')
    .description(
      'Reads the sources of the configuration and writes what they bring to a topic of Kafka, keyed by interface, so that several workers can share the detecting.',
    )
    .addOption(dataOption())
    .requiredOption('--config <file>', 'configuration file')
    .addHelpText('after', EXAMPLES)
    .action(forwardSources);
}

async function forwardSources(options: Options): Promise<void> {
  const { config, log, signal, stopped } = await startService(options.config);
  const { forward } = await import('../forward.ts');
  await forward({ data: options.data, config, signal, log });
  stopped();
  // A broker that does not answer is not waited for.
  process.exit(EXIT.ok);
}
