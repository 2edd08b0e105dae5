import { type Command, Option } from 'commander';
import { VERDICTS, type Verdict } from '../send/delivery/remarks.ts';
import { findAlert } from './find-alert.ts';
import { byOption, tellService } from './hand-over.ts';
import { dataOption } from './options.ts';
import { note, print } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly by: string;
}

/** What people say of an alert: part of `alerts`. */
export function addAlertRemarks(alerts: Command): void {
  const about = (name: string, text: string, example: string): Command =>
    alerts
      .command(name)
      .description(text)
      .argument('<id>', 'id of an alert, or the beginning of it')
      .addOption(dataOption())
      .addOption(byOption())
      .addHelpText('after', `\nExample:\n  flowsentry alerts ${example}`);

  about(
    'ack',
    'Says that somebody takes care of an alert: it is not repeated, and acknowledged where it is an incident.',
    'ack 1f3a90c2',
  ).action(async (id: string, { data, by }: Options) => {
    const { id: alert } = await findAlert(data, id);
    await tellService(data, { do: 'acknowledge', alert, by });
  });
  about('comment', 'Writes something down about an alert.', "comment 1f3a90c2 'asked the team that owns it'")
    .argument('<text>', 'what to write down')
    .action(async (id: string, text: string, { data, by }: Options) => {
      const { id: alert } = await findAlert(data, id);
      await tellService(data, { do: 'comment', alert, by, text });
    });
  about(
    'close',
    'Judges an alert: whoever was told of it is told that it is over, and nobody of it again until it has resolved and fires anew.',
    'close 1f3a90c2 --as false-positive',
  )
    .addOption(new Option('--as <verdict>', 'what it was').choices(VERDICTS).makeOptionMandatory())
    .action(async (id: string, { data, by, as }: Options & { readonly as: Verdict }) => {
      const found = await findAlert(data, id);
      await tellService(data, { do: 'close', alert: found.id, by, as });
      if (as === 'true-positive') return;
      note('\nit comes again when it fires anew; this in the configuration keeps it away:');
      print(found.exception.trimEnd());
    });
}
