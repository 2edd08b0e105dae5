import type { Command } from 'commander';
import { byOption, readShownOutbox, tellService } from './hand-over.ts';
import { dataOption, jsonOption } from './options.ts';
import { tableText } from './table.ts';
import { cut, grouped, print, safe, style, toJson } from './terminal.ts';

interface Target {
  readonly data: string;
  readonly by: string;
  readonly sink?: string;
}

/** What waits to be told, and what could not be. */
export function addOutbox(program: Command): void {
  const command = program
    .command('outbox')
    .summary('what waits to be told to sinks')
    .description('Shows and changes what waits to be told to sinks, and what was given up.')
    .addHelpText(
      'after',
      '\nExamples:\n  flowsentry outbox list\n  flowsentry outbox retry\n  flowsentry outbox drop 3fa90c21',
    );
  command
    .command('list', { isDefault: true })
    .description('Lists sinks, messages on their way, and dead letters: messages that were given up.')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry outbox list --json')
    .action(list);
  const change = (name: 'retry' | 'drop', text: string): void => {
    command
      .command(name)
      .description(text)
      .argument('[key]', 'key of a dead letter, or the beginning of it; without it all')
      .option('--sink <name>', 'only those of one sink')
      .addOption(dataOption())
      .addOption(byOption())
      .addHelpText('after', `\nExample:\n  flowsentry outbox ${name} --sink on-call`)
      .action((key: string | undefined, { data, by, sink }: Target) =>
        tellService(data, {
          do: name,
          by,
          ...(key === undefined ? {} : { key }),
          ...(sink === undefined ? {} : { sink }),
        }),
      );
  };
  change('retry', 'Tries dead letters again, with the same key.');
  change('drop', 'Forgets dead letters.');
}

async function list({ data, json }: { readonly data: string; readonly json?: boolean }): Promise<void> {
  const { sinks, waiting, dead } = await readShownOutbox(data);
  if (json === true) return print(toJson({ sinks, waiting, dead }));
  if (sinks.length === 0) return print('no sinks are configured');
  print(
    tableText(
      ['sink', 'state', 'delivered', 'alerts waiting', 'messages waiting', 'dead letters'],
      sinks.map(({ sink, broken, delivered, alerts, messages, dead: given }) => [
        safe(sink),
        broken ? style('red', 'fails') : style('green', 'up'),
        ...[delivered, alerts, messages, given].map(grouped),
      ]),
      [2, 3, 4, 5],
    ),
  );
  for (const [title, letters] of [
    ['on their way', waiting],
    ['dead letters', dead],
  ] as const) {
    if (letters.length === 0) continue;
    print(`\n${style('bold', title)}`);
    print(
      tableText(
        ['key', 'sink', 'what', 'made', 'attempts', 'why'],
        letters.map(({ message, attempts, failure }) => [
          style('dim', message.key.slice(0, 8)),
          safe(message.sink),
          cut(safe(message.alerts[0]?.title ?? message.kind), 60),
          message.at.slice(0, 19).replace('T', ' '),
          grouped(attempts),
          failure === undefined ? '' : cut(safe(`${failure.reason}: ${failure.detail}`), 60),
        ]),
        [4],
      ),
    );
  }
}
