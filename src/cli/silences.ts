import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { UserError } from '../errors.ts';
import type { Silence } from '../send/routing/silences.ts';
import { readAlerts } from './find-alert.ts';
import { byOption, readShownOutbox, tellService } from './hand-over.ts';
import { dataOption, jsonOption, secondsOf } from './options.ts';
import { tableText } from './table.ts';
import { cut, grouped, print, safe, style, toJson } from './terminal.ts';

interface AddOptions {
  readonly data: string;
  readonly by: string;
  readonly reason: string;
  readonly for?: number;
  readonly until?: string;
}

const EXAMPLES = `
A silence holds by the clock: the alert is found, kept and shown, and nobody is told. What fires on when it ends is told then. What an exception of the
configuration mutes is no alert at all.

Examples:
  flowsentry silences add 'subject="10.0.3.7"' 'detector=~"port-.*"' --for 4h --reason 'scan by the red team'
  flowsentry silences list
  flowsentry silences expire 7c1e09ab`;

export function addSilences(program: Command): void {
  const command = program
    .command('silences')
    .summary('what nobody is told for a while')
    .description(
      'Shows, makes and ends silences: what nobody has to be told for a while, with who says so and why.',
    )
    .addHelpText('after', EXAMPLES);
  command
    .command('list', { isDefault: true })
    .description(
      'Lists silences with how many alerts each held back, and which expired ones alerts that fire would still fit.',
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry silences list --json')
    .action(list);
  command
    .command('add')
    .description('Makes a silence of alerts for which all conditions hold.')
    .argument('<matcher...>', 'conditions, such as severity<=low or subject="10.0.0.0/8"')
    .requiredOption('--reason <text>', 'why nobody has to be told')
    .option('--for <time>', 'how long: 90m, 4h, 2d', secondsOf)
    .option('--until <when>', 'date or time (ISO 8601) at which it ends')
    .addOption(dataOption())
    .addOption(byOption())
    .addHelpText(
      'after',
      `\nExample:\n  flowsentry silences add 'subject="10.0.3.7"' --for 4h --reason 'red team'`,
    )
    .action(add);
  command
    .command('expire')
    .description('Ends a silence now.')
    .argument('<id>', 'id of a silence, or the beginning of it')
    .addOption(dataOption())
    .addOption(byOption())
    .addHelpText('after', '\nExample:\n  flowsentry silences expire 7c1e09ab')
    .action(async (id: string, { data, by }: { readonly data: string; readonly by: string }) => {
      const found = (await readShownOutbox(data)).silences.filter((silence) => silence.id.startsWith(id));
      const [silence] = found;
      if (silence === undefined || found.length > 1)
        throw new UserError(
          `cannot expire silence ${JSON.stringify(id)}: ${found.length === 0 ? 'none begins' : `${found.length} begin`} with it`,
        );
      if (silence.configured)
        throw new UserError(
          `cannot expire silence ${silence.id}: it stands in the configuration; take it out there`,
        );
      await tellService(data, { do: 'expire', id: silence.id, by });
    });
}

async function add(match: string[], { data, by, reason, until, ...options }: AddOptions): Promise<void> {
  if ((options.for === undefined) === (until === undefined))
    throw new UserError('cannot add a silence: say how long with --for or --until', { exitCode: 2 });
  const { parseMatcher } = await import('../send/routing/matchers.ts');
  for (const text of match)
    try {
      parseMatcher(text);
    } catch (error) {
      throw new UserError(`cannot add a silence: ${(error as Error).message}`, { exitCode: 2 });
    }
  const ends = until === undefined ? Date.now() + (options.for ?? 0) * 1000 : Date.parse(until);
  if (Number.isNaN(ends))
    throw new UserError(`cannot add a silence: ${until} is no ISO 8601 date or time`, { exitCode: 2 });
  const id = randomBytes(6).toString('hex');
  await tellService(data, {
    do: 'silence',
    id,
    match,
    owner: by,
    reason,
    expires: new Date(ends).toISOString(),
  });
  print(id);
}

async function list({ data, json }: { readonly data: string; readonly json?: boolean }): Promise<void> {
  const { silences } = await readShownOutbox(data);
  const firing = (await readAlerts(data)).filter(({ state }) => state === 'firing');
  const [{ isActive }, { matchAll, parseMatcher }] = await Promise.all([
    import('../send/routing/silences.ts'),
    import('../send/routing/matchers.ts'),
  ]);
  const now = Date.now();
  const stateOf = (silence: Silence): string =>
    isActive(silence, now) ? 'active' : now < Date.parse(silence.expires) ? 'pending' : 'expired';
  const rows = silences.map((silence) => {
    const matchers = silence.match.map(parseMatcher);
    return {
      ...silence,
      state: stateOf(silence),
      firing: firing.filter((alert) => matchAll(matchers, alert)).length,
    };
  });
  if (json === true) return print(toJson(rows));
  if (rows.length === 0) return print('no silences');
  print(
    tableText(
      ['id', 'state', 'matches', 'owner', 'reason', 'expires (UTC)', 'held back', 'fit now'],
      rows.map(({ id, state, match, owner, reason, expires, hits, firing: fit }) => [
        style('dim', id.slice(0, 8)),
        state === 'active'
          ? style('green', state)
          : state === 'expired' && fit > 0
            ? style('yellow', state)
            : state,
        cut(safe(match.join(' ')), 60),
        safe(owner),
        cut(safe(reason), 40),
        new Date(expires).toISOString().slice(0, 16).replace('T', ' '),
        grouped(hits),
        grouped(fit),
      ]),
      [6, 7],
    ),
  );
}
