import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { Alert } from '../contracts.ts';
import { UserError } from '../errors.ts';
import { jsonOption } from './options.ts';
import { lengthOf, print, safe, style, toJson } from './terminal.ts';

const EXAMPLE =
  '\nExample:\n  flowsentry alerts show 1f3a90c2 --json | flowsentry route test - --config flowsentry.yaml';

export function addRoute(program: Command): void {
  const command = program
    .command('route')
    .summary('where an alert would go')
    .description('Shows where an alert would go by a configuration, and why.')
    .addHelpText('after', EXAMPLE);
  command
    .command('test')
    .description(
      'Walks an alert (JSON, as `alerts show --json` prints it) through the routes, silences and inhibition of a configuration.',
    )
    .argument('<file>', 'file with the alert, - for standard input')
    .addOption(new Option('--config <file>', 'configuration file').makeOptionMandatory())
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLE)
    .action(test);
}

async function test(
  file: string,
  options: { readonly config: string; readonly json?: boolean },
): Promise<void> {
  const [{ loadConfig }, { createRoutes }, { createSilences }, { matchAll, parseMatcher }] =
    await Promise.all([
      import('../config.ts'),
      import('../send/routing/route.ts'),
      import('../send/routing/silences.ts'),
      import('../send/routing/matchers.ts'),
    ]);
  const config = await loadConfig(options.config);
  const alert = await readAlert(file);
  const routes = createRoutes(
    config.route,
    config.sinks.map(({ name }) => name),
  );
  const steps = routes.explain(alert);
  const places = routes.place(alert);
  const silence = createSilences([], config.silences).find(alert, Date.now());
  const inhibitedBy = config.inhibit.filter(({ target }) => matchAll(target.map(parseMatcher), alert));
  if (options.json === true) return print(toJson({ steps, places, silence, inhibitedBy }));
  for (const { route, matched, failed } of steps)
    print(
      `${matched ? style('green', '✓') : style('dim', '✗')} ${safe(route)}${failed === undefined ? '' : style('dim', `  ${safe(failed)} does not hold`)}`,
    );
  print('');
  if (places.length === 0) print('no sink is told');
  for (const { sink, route, labels, timing } of places) {
    const { daily, groupWait, groupInterval, repeatInterval } = timing;
    const group = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    const when =
      daily === undefined
        ? `after ${lengthOf(groupWait / 1000)}, then every ${lengthOf(groupInterval / 1000)}, repeated after ${lengthOf(repeatInterval / 1000)}`
        : `once a day at ${String(Math.floor(daily.minute / 60)).padStart(2, '0')}:${String(daily.minute % 60).padStart(2, '0')} ${daily.location}`;
    print(
      `${style('bold', safe(sink))} by ${safe(route)}, grouped by ${safe(group.join(', ') || 'nothing')}; ${when}`,
    );
  }
  if (silence !== undefined)
    print(`silenced until ${safe(silence.expires)}: ${safe(silence.reason)} (${safe(silence.owner)})`);
  for (const { source, equal } of inhibitedBy)
    print(
      `inhibited while an alert with ${safe(source.join(' '))}${equal.length === 0 ? '' : ` and the same ${safe(equal.join(', '))}`} fires`,
    );
}

async function readAlert(file: string): Promise<Alert> {
  try {
    const text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8');
    const alert = JSON.parse(text) as Partial<Alert> | null;
    if (typeof alert?.detector !== 'string' || typeof alert.subject !== 'string')
      throw new SyntaxError('it has no detector and subject');
    return { attack: [], explanation: {}, ...alert } as unknown as Alert;
  } catch (error) {
    throw new UserError(`cannot read an alert from ${file}: ${(error as Error).message}`, { cause: error });
  }
}
