import { parseAddress } from '../../columns/address.ts';
import type { Alert, Severity } from '../../contracts.ts';
import type { Message } from '../message.ts';
import { droppedAlert, fitTo } from '../records/records.ts';
import { assetText, capital, endsOf, linkTo, networkText, plain } from '../words/text.ts';

/** Codes of RFC 5424 §6.2.1 that a program of one's own may take. */
export const FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

/** Syslog's severities: critical, error, warning, notice, informational. */
const SEVERITY: Readonly<Record<Severity, number>> = { critical: 2, high: 3, medium: 4, low: 5, info: 6 };
const NOTICE = 5;
/** CEF's, from 0 to 10. */
const CEF_SEVERITY: Readonly<Record<Severity, number>> = {
  critical: 10,
  high: 8,
  medium: 5,
  low: 3,
  info: 1,
};
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMP6' };

/** Octets of a line: what RFC 5425 (§4.3.1) asks receivers to take. */
const MAX_LINE = 8192;
/** `flowsentry@32473`: the number is the one that RFC 5612 keeps for whoever has none of their own. */
const SD_ID = 'flowsentry@32473';
/** What the fields of an alert mean here: another form of them has another number. */
const CEF_VERSION = '1';

export interface LineOptions {
  readonly facility: keyof typeof FACILITIES;
  readonly hostname: string;
  readonly format: 'rfc5424' | 'cef';
  readonly console?: string | undefined;
}

/** Each alert of a message as a line of RFC 5424, without what frames it, at most 8,192 octets. */
export function linesOf(message: Message, options: LineOptions): string[] {
  const alerts = message.dropped.length > 0 ? [...message.alerts, droppedAlert(message)] : message.alerts;
  return alerts.map((alert) => fitTo(alert, MAX_LINE, (fitted) => lineOf(fitted, message, options)));
}

function lineOf(alert: Alert, message: Message, options: LineOptions): string {
  const { facility, hostname, format, console } = options;
  const severity = alert.state === 'resolved' ? NOTICE : SEVERITY[alert.severity];
  const priority = FACILITIES[facility] * 8 + severity;
  const header = `<${priority}>1 ${message.at} ${name(hostname, 255)} flowsentry - ${name(alert.detector, 32)}`;
  if (format === 'cef') return `${header} - ${cefOf(alert, message, console)}`;
  const elements = fieldsOf(alert, message, console).map(([key, value]) => ` ${key}="${sdValue(value)}"`);
  // The mark says that it is UTF-8 (RFC 5424 §6.4).
  return `${header} [${SD_ID}${elements.join('')}] \ufeff${sentence(alert, message)}`;
}

function sentence(alert: Alert, message: Message): string {
  const test = message.test === true ? 'TEST: ' : '';
  const state = alert.state === 'resolved' ? 'resolved' : alert.severity;
  return `${test}${capital(state)}: ${plain(alert.title)}`;
}

type Field = readonly [name: string, value: string];

function fieldsOf(alert: Alert, message: Message, console: string | undefined): Field[] {
  const { subject, peer, port, protocol, attack, explanation } = alert;
  const fields: readonly (readonly [string, string | number | undefined])[] = [
    ['key', message.key],
    ['id', alert.id],
    ['state', alert.state],
    ['severity', alert.severity],
    ['score', alert.score],
    ['count', alert.count],
    ['subject', subject],
    ['peer', peer],
    ['port', port],
    ['protocol', protocol],
    ['interface', alert.interface],
    ['account', alert.account],
    ['zone', alert.zone],
    ['peerZone', alert.peerZone],
    ['asset', assetText(alert.asset)],
    ['peerAsset', assetText(alert.peerAsset)],
    ['network', networkText(alert.network)],
    ['peerNetwork', networkText(alert.peerNetwork)],
    ['peerNames', alert.peerNames?.join(',')],
    ['firstSeen', alert.firstSeen],
    ['lastSeen', alert.lastSeen],
    ['attack', attack.length === 0 ? undefined : attack.join(',')],
    ['observed', String(explanation.observed)],
    ['usual', String(explanation.baseline)],
    ['threshold', String(explanation.threshold)],
    ['formula', explanation.formula],
    ['link', linkTo(console, alert)],
    ['test', message.test === true ? 'true' : undefined],
    ['encrypted', alert.encrypted],
  ];
  return present(fields);
}

/** A CEF:0 event; names of its keys are those of ArcSight's dictionary. */
function cefOf(alert: Alert, message: Message, console: string | undefined): string {
  const { subject, peer, port, protocol, attack, explanation } = alert;
  const header = ['CEF:0', 'flowsentry', 'flowsentry', CEF_VERSION, alert.detector, plain(alert.title)];
  const extension: readonly (readonly [string, string | number | undefined])[] = [
    ['rt', Date.parse(message.at)],
    ['start', Date.parse(alert.firstSeen)],
    ['end', Date.parse(alert.lastSeen)],
    ['externalId', alert.id],
    ['act', alert.state],
    ['cnt', alert.count],
    ...cefEnd('src', 'c6a2', 'shost', subject),
    ...cefEnd('dst', 'c6a3', 'dhost', peer),
    ['dpt', port],
    ['proto', protocol === undefined ? undefined : (PROTOCOLS[protocol] ?? String(protocol))],
    ['deviceExternalId', alert.interface],
    ['msg', `${sentence(alert, message)} (${endsOf(alert)})`],
    ...cefLabelled('cs1', 'key', message.key),
    ...cefLabelled('cs2', 'attack', attack.length === 0 ? undefined : attack.join(',')),
    ...cefLabelled('cs3', 'observed', String(explanation.observed)),
    ...cefLabelled('cs4', 'usual', String(explanation.baseline)),
    ...cefLabelled('cs5', 'threshold', String(explanation.threshold)),
    ...cefLabelled('cs6', 'account', alert.account),
    ...cefLabelled('cfp1', 'score', alert.score),
    ['request', linkTo(console, alert)],
    ...cefLabelled('flexString1', 'encrypted', alert.encrypted),
  ];
  return [
    ...header.map((part, i) => (i === 0 ? part : part.replace(/[\\|]/g, '\\$&'))),
    CEF_SEVERITY[alert.severity],
    present(extension)
      .map(([key, value]) => `${key}=${value.replace(/[\\=]/g, '\\$&')}`)
      .join(' '),
  ].join('|');
}

/** CEF has keys of their own for IPv4, IPv6 and names. */
function cefEnd(
  v4: string,
  v6: string,
  host: string,
  end: string | undefined,
): [string, string | undefined][] {
  if (end === undefined || parseAddress(end) === undefined) return [[host, end]];
  return end.includes(':')
    ? [
        [v6, end],
        [`${v6}Label`, `${v4 === 'src' ? 'source' : 'destination'} address`],
      ]
    : [[v4, end]];
}

function cefLabelled(
  key: string,
  label: string,
  value: string | number | undefined,
): [string, string | number | undefined][] {
  return value === undefined
    ? []
    : [
        [key, value],
        [`${key}Label`, label],
      ];
}

/** Text on one line, in which all can be seen. */
function present(fields: readonly (readonly [string, string | number | undefined])[]): Field[] {
  return fields.flatMap(([key, value]): Field[] =>
    value === undefined ? [] : [[key, plain(String(value))]],
  );
}

/** RFC 5424 §6.3.3. */
function sdValue(text: string): string {
  return text.replace(/["\\\]]/g, '\\$&');
}

/** Printable ASCII without spaces, or `-` (RFC 5424 §6). */
function name(text: string, most: number): string {
  const printable = text.replace(/[^\x21-\x7e]/g, '_').slice(0, most);
  return printable === '' ? '-' : printable;
}
