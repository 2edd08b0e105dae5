import type { Alert, Explanation, Scalar } from '../../contracts.ts';
import { fitAlert } from '../words/fit.ts';
import { HIDDEN } from '../words/text.ts';

/** Fields that can be chosen by name; `explanation.NAME` and `explanation.*` beside them. */
const CHOOSABLE = [
  'subject',
  'peer',
  'port',
  'protocol',
  'interface',
  'account',
  'zone',
  'peerZone',
] as const;
/** What says where an end is says who it is, where a zone is small. */
const PLACES = { subject: 'zone', peer: 'peerZone' } as const;
/** These are made of the others in ways that nobody can follow: they are hidden with any of them. */
const DERIVED = [
  'title',
  'samples',
  'query',
  'exception',
  'asset',
  'peerAsset',
  'network',
  'peerNetwork',
  'peerNames',
] as const;
const ALL = 'explanation.*';

/** Whether an alert has a field of this name that can be hidden by choice. */
export function isConcealable(name: string): boolean {
  return (CHOOSABLE as readonly string[]).includes(name) || /^explanation\..+/.test(name);
}

export const CONCEALABLE_HELP = [...CHOOSABLE, 'explanation.NAME', ALL].join(', ');

/** An alert without what must not be seen, and that which was taken out of it. */
export interface Concealed {
  readonly open: Alert;
  readonly hidden: Partial<Alert>;
}

/**
 * Takes the chosen fields out of an alert, and with them all in which they could be found again: what is derived of them, every text of the
 * explanation, and whatever else holds a hidden value. What stays is the kind of alert, its severity, score, count and times, ATT&CK techniques, and
 * numbers and fields that were not chosen.
 */
export function conceal(alert: Alert, chosen: ReadonlySet<string>): Concealed {
  const fields = new Set<string>(CHOOSABLE.filter((name) => chosen.has(name)));
  for (const [end, zone] of Object.entries(PLACES)) if (fields.has(end)) fields.add(zone);
  const details = new Set(
    Object.entries(alert.explanation)
      .filter(
        ([name, value]) => typeof value === 'string' || chosen.has(ALL) || chosen.has(`explanation.${name}`),
      )
      .map(([name]) => name),
  );
  const secrets = new Set<Scalar>();
  // What holds a hidden value is hidden itself, and so on.
  for (let before = -1; before !== secrets.size; ) {
    before = secrets.size;
    for (const name of fields) add(secrets, alert[name as (typeof CHOOSABLE)[number]]);
    for (const name of details)
      if (chosen.has(ALL) || chosen.has(`explanation.${name}`)) add(secrets, alert.explanation[name]);
    for (const name of CHOOSABLE) if (holds(alert[name], secrets)) fields.add(name);
    for (const [name, value] of Object.entries(alert.explanation))
      if (holds(value, secrets)) details.add(name);
  }
  const open: Record<string, unknown> = { ...alert };
  const hidden: Record<string, unknown> = {};
  for (const name of [...fields, ...DERIVED]) {
    const value = alert[name as keyof Alert];
    if (value === undefined) continue;
    hidden[name] = value;
    // A number has no form that says that it is hidden.
    if (typeof value === 'string') open[name] = HIDDEN;
    else if (name === 'samples') open[name] = [];
    else delete open[name];
  }
  open.title = `${alert.detector}: who and what is encrypted`;
  const taken = Object.entries(alert.explanation).filter(([name]) => details.has(name));
  hidden.explanation = Object.fromEntries(taken);
  open.explanation = {
    ...alert.explanation,
    ...Object.fromEntries(taken.map(([name]) => [name, HIDDEN])),
  } satisfies Explanation;
  return { open: open as unknown as Alert, hidden: hidden as Partial<Alert> };
}

function add(secrets: Set<Scalar>, value: Scalar | undefined): void {
  if (value !== undefined && value !== '' && typeof value !== 'boolean') secrets.add(value);
}

/** Texts by what is in them, numbers as a whole: each short one is in some address. */
function holds(value: Scalar | undefined, secrets: ReadonlySet<Scalar>): boolean {
  if (typeof value !== 'string') return value !== undefined && secrets.has(value);
  for (const secret of secrets) if (typeof secret === 'string' && value.includes(secret)) return true;
  return false;
}

/** What is to be encrypted, as JSON of at most so many bytes: evidence gives way first, then long texts. `alert` is whole. */
export function payloadOf(alert: Alert, hidden: Partial<Alert>, maxBytes: number): string {
  const { id, detector } = alert;
  const without = (...names: readonly string[]): Partial<Alert> =>
    Object.fromEntries(Object.entries(hidden).filter(([name]) => !names.includes(name)));
  const texts = [hidden, without('samples'), without('samples', 'query'), without(...DERIVED.slice(1))];
  for (const one of texts) {
    const text = JSON.stringify({ id, detector, ...one });
    if (Buffer.byteLength(text) <= maxBytes) return text;
  }
  for (let share = 1; ; share /= 2) {
    const fitted = fitAlert(alert, share);
    const kept = Object.keys(without(...DERIVED.slice(1))).map((name) => [name, fitted[name as keyof Alert]]);
    const explanation = Object.entries(fitted.explanation).filter(
      ([name]) => hidden.explanation?.[name] !== undefined,
    );
    const text = JSON.stringify({
      id,
      detector,
      ...Object.fromEntries(kept),
      explanation: Object.fromEntries(explanation),
    });
    if (Buffer.byteLength(text) <= maxBytes || share < 0.001) return text;
  }
}
