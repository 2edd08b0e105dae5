import type { Command } from 'commander';
import { startService } from './long-running.ts';
import { dataOption } from './options.ts';
import { print, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly config: string;
}

const EXAMPLES = `
Prints each alert as a line of JSON when it opens, grows or resolves, after it is durable; logs go to standard error. Stop it with SIGTERM or
Ctrl-C: what was read is made durable first, and the next start goes on there. The history can be queried all the while. SIGHUP reads the
configuration anew; when it is wrong, the old one stays.

Example of a configuration:
  sources:
    - type: file
      name: collected
      paths: [/var/log/flow-logs]

Examples:
  flowsentry run --config flowsentry.yaml
  flowsentry run --config /etc/flowsentry.yaml --data /var/lib/flowsentry >> alerts.jsonl`;

export function addRun(program: Command): void {
  program
    .command('run')
    .summary('read live sources, alert and keep history')
    .description(
      'Reads the sources of the configuration as records come, through every detector, until it is stopped.',
    )
    .addOption(dataOption())
    .requiredOption('--config <file>', 'configuration file')
    .addHelpText('after', EXAMPLES)
    .action(runService);
}

async function runService(options: Options): Promise<void> {
  const { stopped, ...service } = await startService(options.config);
  const { run } = await import('../live/run.ts');
  await run({
    ...service,
    data: options.data,
    onReload: (listen) => process.on('SIGHUP', listen),
    async onAlerts(alerts) {
      for (const alert of alerts) print(toJson(alert));
      // Behind all of it.
      await new Promise((resolve) => process.stdout.write('', resolve));
    },
  });
  stopped();
}
