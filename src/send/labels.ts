import type { Alert } from '../contracts.ts';

/** What routes, silences and inhibition can ask an alert for. */
const LABELS = [
  'id',
  'detector',
  'severity',
  'subject',
  'peer',
  'port',
  'protocol',
  'interface',
  'account',
  'zone',
  'peerZone',
  'attack',
] as const;
/** A number or text of the explanation, such as `explanation.rule`. */
const DETAIL = 'explanation.';

/** Whether an alert can have a label of this name. */
export function isLabel(name: string): boolean {
  return (
    (LABELS as readonly string[]).includes(name) || (name.startsWith(DETAIL) && name.length > DETAIL.length)
  );
}

export const LABEL_HELP = `${LABELS.join(', ')}, ${DETAIL}NAME`;

/** Values of a label: none where the alert does not have it, several for ATT&CK techniques. */
export function labelValues(alert: Alert, name: string): readonly string[] {
  if (name === 'attack') return alert.attack;
  const value = name.startsWith(DETAIL)
    ? alert.explanation[name.slice(DETAIL.length)]
    : alert[name as Exclude<(typeof LABELS)[number], 'attack'>];
  return value === undefined ? [] : [String(value)];
}

/** One text of a label, for grouping and comparing; empty where there is none. */
export function labelText(alert: Alert, name: string): string {
  return labelValues(alert, name).join(',');
}
