import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Prefix, parsePrefix } from '../columns/address.ts';
import type { Config } from '../config.ts';
import type { Indicators, PastContact } from '../contracts.ts';
import { EXIT, UserError } from '../errors.ts';
import type { Hunt } from '../hunt.ts';
import { collect, configOption, dataOption, jsonOption, numeric, timeOf, whole } from './options.ts';
import { tableText } from './table.ts';
import { counted, grouped, minuteOf, note, print, safe, style, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly config?: string;
  readonly indicator?: readonly string[];
  readonly feed?: string;
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
  readonly timeout: number;
  readonly failOnContact?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
A feed is one of the configuration by its name, as it was kept last, or a file of any format that feeds may have; what \`allow\` and \`network.internal\`
say of the configuration holds. Addresses given with --indicator are looked for whatever they are. Sessions that are still open are not stored yet.
It reads only: a service may go on writing.

Examples:
  flowsentry hunt --indicator 203.0.113.9
  flowsentry hunt --indicator 198.51.100.0/24 --indicator 2001:db8:bad::/48 --from 2026-01-01 --json
  flowsentry hunt --feed indicators.txt --fail-on-contact
  flowsentry hunt --feed feodo --config flowsentry.yaml`;

export function addHunt(program: Command): void {
  program
    .command('hunt')
    .summary('look for bad addresses in the history')
    .description(
      'Tells who had contact with an address, a network or what a feed lists: first and last contact, sessions and bytes.',
    )
    .option('--indicator <address>', 'address or network, IPv4 or IPv6; may be repeated', collect)
    .option('--feed <name|file>', 'what a feed lists')
    .option('--from <time>', 'UTC date or time from which on (default: all)', timeOf)
    .option('--to <time>', 'UTC date or time up to which (default: all)', timeOf)
    .option('--limit <n>', 'contacts at most, the first ones', whole(1), 10_000)
    .option('--timeout <seconds>', 'stop after so long', numeric(0.1), 300)
    .option('--fail-on-contact', 'exit with 3 when there was one')
    .addOption(dataOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const { data, feed, indicator = [] } = options;
  if ((feed === undefined) === (indicator.length === 0))
    command.error('error: give either --indicator or --feed');
  const networks = indicator.map(networkOf);
  const [{ loadConfig }, { hunt }] = await Promise.all([import('../config.ts'), import('../hunt.ts')]);
  const indicators =
    feed === undefined
      ? (await import('../reference/feeds/indicator-set.ts')).indicatorsOf(networks, 'indicator')
      : await listedBy(feed, await loadConfig(options.config), data);
  const found = await hunt({
    ...{ data, indicators, from: options.from, to: options.to },
    networks: feed === undefined ? networks : undefined,
    maxContacts: options.limit,
    timeoutMs: options.timeout * 1000,
  });
  print(options.json === true ? toJson(reportOf(found)) : huntText(found));
  if (found.truncated) note('there are more contacts: allow them with --limit, or ask about a shorter time');
  if (options.failOnContact === true && found.contacts.length > 0) process.exitCode = EXIT.found;
}

function networkOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined)
    throw new UserError(`cannot hunt for ${JSON.stringify(text)}: it is no address or network`, {
      exitCode: EXIT.usage,
    });
  return prefix;
}

/** A configured feed by its name, else a file. Throws a UserError when neither can be used. */
async function listedBy(feed: string, config: Config, data: string): Promise<Indicators> {
  const configured = config.feeds.find(({ name }) => name === feed);
  const isFile = configured === undefined && (await stat(feed).catch(() => undefined))?.isFile() === true;
  if (configured === undefined && !isFile)
    throw new UserError(
      `cannot hunt for feed ${JSON.stringify(feed)}: there is no such file, and the configuration has ${config.feeds.map(({ name }) => name).join(', ') || 'no feeds'}`,
      { exitCode: EXIT.usage },
    );
  const { loadIndicators } = await import('../reference/feeds/indicators.ts');
  const { indicators, problems } = await loadIndicators({
    feeds: [configured ?? { name: basename(feed), file: resolve(feed) }],
    allow: config.allow,
    internal: config.network.internal,
    cacheDir: `${data}/feeds`,
    offline: true,
  });
  if (indicators.size === 0) throw new UserError(`cannot hunt: ${problems.join('; ') || 'it lists nothing'}`);
  for (const problem of problems) note(safe(problem));
  return indicators;
}

/** Contacts for programs, with what they come to for each subject. */
function reportOf({ contacts, sessions, truncated }: Hunt) {
  const subjects = new Map<string, PastContact[]>();
  for (const contact of contacts) {
    const known = subjects.get(contact.subject);
    if (known === undefined) subjects.set(contact.subject, [contact]);
    else known.push(contact);
  }
  const sum = (some: readonly PastContact[], of: (contact: PastContact) => number): number =>
    some.reduce((total, contact) => total + of(contact), 0);
  return {
    searchedSessions: sessions,
    truncated,
    subjects: [...subjects].map(([subject, some]) => ({
      subject,
      peers: new Set(some.map(({ peer }) => peer)).size,
      firstContact: iso(Math.min(...some.map(({ first }) => first))),
      lastContact: iso(Math.max(...some.map(({ last }) => last))),
      sessions: sum(some, (contact) => contact.sessions),
      bytesSent: sum(some, ({ sent }) => sent),
      bytesReceived: sum(some, ({ received }) => received),
    })),
    contacts: contacts.map(({ first, last, sent, received, ...contact }) => ({
      ...contact,
      firstContact: iso(first),
      lastContact: iso(last),
      bytesSent: sent,
      bytesReceived: received,
    })),
  };
}

function huntText({ contacts, sessions }: Hunt): string {
  const searched = `${counted(sessions, 'session')} searched`;
  if (contacts.length === 0) return `no contact; ${searched}`;
  const subjects = new Set(contacts.map(({ subject }) => subject)).size;
  return [
    `${counted(contacts.length, 'contact')} of ${counted(subjects, 'subject')}; ${searched}`,
    '',
    tableText(
      [
        ...['who', 'port', 'first contact (UTC)', 'last contact', 'sessions', 'established', 'rejected'],
        ...['sent', 'received', 'listed as'],
      ],
      contacts.map((contact) => {
        const { subject, peer, inbound, ports, portCount, first, last, listing } = contact;
        const { sessions: number, established, rejected, sent, received } = contact;
        const more = portCount > ports.length ? '…' : '';
        return [
          safe(`${subject} ${inbound ? '←' : '→'} ${peer}`),
          `${ports.slice(0, 3).join(' ')}${ports.length > 3 ? '…' : more}`,
          minuteOf(first),
          minuteOf(last),
          ...[number, established, rejected, sent, received].map(grouped),
          safe(`${listing.category} by ${listing.feed}`) + style('dim', ` ${safe(listing.network)}`),
        ];
      }),
      [4, 5, 6, 7, 8],
    ),
  ].join('\n');
}

function iso(seconds: number): string {
  return new Date(Math.round(seconds) * 1000).toISOString();
}
