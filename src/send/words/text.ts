import {
  type Alert,
  type Asset,
  type OutsideNetwork,
  type Scalar,
  SEVERITIES,
  type Severity,
} from '../../contracts.ts';
import { type AlertWords, type Count, type Message, total, worst } from '../message.ts';

/** Controls, and what changes direction or can't be seen: text from outside could make a message look like another. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Characters of any text that a person is shown, and lines of one that is a list. */
const MOST_SHOWN = 4000;
const MOST_LINES = 40;

/** Text from outside as one line that shows what is in it. */
export function plain(text: string): string {
  return trim(text, MOST_SHOWN)
    .toWellFormed()
    .replace(UNSAFE, (character) =>
      /\s/.test(character) ? ' ' : `\\u{${character.codePointAt(0)?.toString(16)}}`,
    );
}

/** What stands where only the recipient can read. */
export const HIDDEN = '[encrypted]';

/** At most so many characters, cut between code points. */
export function trim(text: string, most: number): string {
  if (text.length <= most) return text;
  let end = most - 1;
  const last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return `${text.slice(0, end)}…`;
}

const NUMBER = new Intl.NumberFormat('en-GB');

export function grouped(value: number): string {
  return NUMBER.format(value);
}

/** `1 alert`, `1,200 alerts`. */
function counted(value: number, noun: string): string {
  return `${grouped(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `3 high port-scan, 9 medium bad-ip`. */
export function countsText(counts: readonly Count[]): string {
  return counts
    .map(({ detector, severity, alerts }) => `${grouped(alerts)} ${severity} ${detector}`)
    .join(', ');
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** One line that says what happened, for a subject, a summary or a first line. */
export function headline(message: Message): string {
  const { event, kind, alerts, counts, repeat, labels } = message;
  const many = total(counts);
  const own = message.words?.title;
  if (own !== undefined) return plain(own);
  const prefix = message.test === true ? 'TEST · ' : '';
  const state =
    event === 'resolved' ? 'Resolved' : event === 'acknowledged' ? 'Acknowledged' : capital(worst(message));
  const still = repeat ? ' (still)' : '';
  const [first] = alerts;
  if (many === 1 && first !== undefined) return `${prefix}${state}${still} · ${sentenceOf(message, first)}`;
  if (kind === 'digest') return `${prefix}${state}${still} · digest of ${counted(many, 'alert')}`;
  const about = Object.entries(labels).map(([name, value]) => plain(`${name} ${value}`));
  const of = about.length === 0 ? '' : ` · ${about.join(', ')}`;
  return `${prefix}${state}${still} · ${counted(many, 'alert')}${of}`;
}

function wordsOf(message: Message, { id }: Alert): AlertWords {
  const { alerts } = message.words ?? {};
  return (alerts !== undefined && Object.hasOwn(alerts, id) ? alerts[id] : undefined) ?? {};
}

/** What such an alert is called: `Port scan`. */
export function nameOf(message: Message, alert: Alert): string {
  return plain(wordsOf(message, alert).name ?? capital(alert.detector.replaceAll('-', ' ')));
}

/** What happened. */
export function sentenceOf(message: Message, alert: Alert): string {
  return plain(wordsOf(message, alert).sentence ?? alert.title);
}

/** Why it matters and what to look at first; empty where nobody has said so. */
export function meaningOf(message: Message, alert: Alert): [name: string, value: string][] {
  const { meaning, check } = wordsOf(message, alert);
  return [
    ...(meaning === undefined ? [] : [['Why it matters', plain(meaning)] as [string, string]]),
    ...(check === undefined ? [] : [['Check first', plain(capital(check))] as [string, string]]),
  ];
}

/** Lines such as `Name: value`; one without a name is a note. */
function namedLines(text: string): [name: string, value: string][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, MOST_LINES)
    .map((line) => {
      const at = line.indexOf(': ');
      return at <= 0
        ? ['Note', plain(line.trim())]
        : [plain(line.slice(0, at).trim()), plain(line.slice(at + 2).trim())];
    });
}

/** Name and value, in the order in which they help: how unusual, who, since when, how often. */
export function factsOf(message: Message, alert: Alert): [name: string, value: string][] {
  const { numbers } = wordsOf(message, alert);
  if (numbers !== undefined) return namedLines(numbers);
  const { observed, baseline, threshold } = alert.explanation;
  const facts: [string, string | undefined][] = [
    ['Observed', shown(observed)],
    ['Usual', shown(baseline)],
    ['Alert from', shown(threshold)],
    ['Who', endsOf(alert)],
    ['That is', assetText(alert.asset)],
    ['The other end', assetText(alert.peerAsset)],
    ['Who is in', networkText(alert.network)],
    ['The other end is in', networkText(alert.peerNetwork)],
    ['Asked for', alert.peerNames?.join(', ')],
    ['Seen', seenOf(alert)],
    ['Where', whereOf(alert)],
    ['ATT&CK', alert.attack.join(', ')],
    ['Detector', `${alert.detector}, score ${alert.score.toFixed(2)}`],
    ['Encrypted', alert.encrypted && 'the rest of it: whoever has the key reads it with flowsentry decrypt'],
  ];
  return facts.flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, plain(value)]],
  );
}

function shown(value: Scalar): string {
  return typeof value === 'number' ? grouped(value) : String(value);
}

/** `10.0.1.5 → 203.0.113.9:443`. */
export function endsOf({ subject, peer, port }: Alert): string {
  if (peer === undefined) return plain(port === undefined ? subject : `${subject} → port ${port}`);
  const host = port !== undefined && peer.includes(':') ? `[${peer}]` : peer;
  return plain(`${subject} → ${host}${port === undefined ? '' : `:${port}`}`);
}

/** Tags that a person is shown: enough to know whose it is. */
const MOST_TAGS = 5;

/** `shop-web-3, i-0abc, role web, env=prod, team=shop`. */
export function assetText(asset: Asset | undefined): string | undefined {
  if (asset === undefined) return undefined;
  const { id, name, role, tags } = asset;
  // AWS's own tags repeat what is said already, or mean nothing to a person.
  const own = Object.entries(tags).filter(
    ([key, value]) => !key.startsWith('aws:') && value !== name && value !== role,
  );
  const shownTags = own
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MOST_TAGS)
    .map(([key, value]) => `${key}=${value}`);
  return [name, id === name ? undefined : id, role && `role ${role}`, ...shownTags]
    .filter(Boolean)
    .join(', ');
}

/** `AS64500 Example Ltd, NL`, `S3 eu-central-1, AS16509 AMAZON-02, DE`. */
export function networkText(network: OutsideNetwork | undefined): string | undefined {
  if (network === undefined) return undefined;
  const { asn, organization, country, service, region } = network;
  const texts = [[service, region], [asn && `AS${asn}`, organization], [country]];
  return texts
    .map((words) => words.filter(Boolean).join(' '))
    .filter(Boolean)
    .join(', ');
}

/** `account 123456789012, interface eni-1, zone web → database`. */
function whereOf({ account, interface: its, zone, peerZone }: Alert): string {
  const zones = peerZone === undefined ? zone : `${zone ?? 'none'} → ${peerZone}`;
  return [account && `account ${account}`, its && `interface ${its}`, zones && `zone ${zones}`]
    .filter(Boolean)
    .join(', ');
}

/** That it is over, for a message that says so. */
export function overText({ lastSeen }: Alert): string {
  return `nothing more of it since ${minute(lastSeen)} UTC`;
}

function seenOf({ firstSeen, lastSeen, count }: Alert): string {
  const from = minute(firstSeen);
  const to = minute(lastSeen);
  const span =
    from === to
      ? `${from} UTC`
      : `${from} to ${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to} UTC`;
  return `${grouped(count)}×, ${span}`;
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

/** What to do next: what for, and a command, or what a template says. */
export function nextSteps(message: Message, alert: Alert): [what: string, command: string][] {
  const { next } = wordsOf(message, alert);
  if (next !== undefined) return namedLines(next);
  // The id that our own commands know is encrypted too.
  if (alert.encrypted !== undefined) return [['read what is encrypted', 'flowsentry decrypt']];
  const id = alert.id.slice(0, 8);
  return [
    ['see the records and the query', `flowsentry alerts show ${id}`],
    ['take it over', `flowsentry alerts ack ${id}`],
    ['it was expected', `flowsentry alerts close ${id} --as false-positive`],
  ];
}

/** Where a person looks closer, when a console is configured. */
export function linkTo(console: string | undefined, alert: Alert): string | undefined {
  return console === undefined || alert.encrypted !== undefined
    ? undefined
    : `${console.replace(/\/+$/, '')}/alerts/${encodeURIComponent(alert.id)}`;
}

/** `#b00020` and the like: one colour for each severity, and for what is over. */
export function colourOf(message: Message): string {
  return message.event === 'resolved' ? '#2e7d32' : COLOURS[worst(message)];
}

const COLOURS: Readonly<Record<Severity, string>> = {
  critical: '#8e0b1f',
  high: '#d32f2f',
  medium: '#f57c00',
  low: '#1976d2',
  info: '#757575',
};

/** Alerts that a message tells of but does not show. */
export function unlisted(message: Message, listed: number): number {
  return total(message.counts) - Math.min(listed, message.alerts.length);
}

/** How many of what, a line for each severity: `10 high: 9 port-scan, 1 tor`. */
export function digestText({ counts, words }: Message): string {
  if (words?.digest !== undefined) return words.digest.split('\n').slice(0, MOST_LINES).map(plain).join('\n');
  return SEVERITIES.toReversed()
    .map((severity) => [severity, counts.filter((count) => count.severity === severity)] as const)
    .filter(([, its]) => its.length > 0)
    .map(([severity, its]) => {
      const each = its.map(({ detector, alerts }) => `${grouped(alerts)} ${plain(detector)}`);
      return `${grouped(total(its))} ${severity}: ${each.join(', ')}`;
    })
    .join('\n');
}
