import type { Alert, Explanation, Scalar } from '../contracts.ts';
import { trim } from './text.ts';

/** Characters of each text and entries of each list: far more than detectors write, and bounded together. */
const MOST = {
  name: 300,
  title: 1000,
  detail: 2000,
  query: 8000,
  exception: 4000,
  details: 40,
  samples: 5,
  techniques: 40,
};

/** The alert with everything that is too long cut between code points, so that no message is too large for its size limit. */
export function fitAlert(alert: Alert): Alert {
  const details = Object.entries(alert.explanation).slice(0, MOST.details);
  const fitted = details.map(([name, value]): [string, Scalar] => [
    cut(name, MOST.name),
    typeof value === 'string' ? cut(value, MOST.detail) : value,
  ]);
  return {
    ...alert,
    title: cut(alert.title, MOST.title),
    subject: cut(alert.subject, MOST.name),
    ...cutIfGiven(alert, 'peer'),
    ...cutIfGiven(alert, 'interface'),
    ...cutIfGiven(alert, 'account'),
    attack: alert.attack.slice(0, MOST.techniques).map((id) => cut(id, MOST.name)),
    explanation: Object.fromEntries(fitted) as unknown as Explanation,
    samples: alert.samples.slice(0, MOST.samples),
    query: cut(alert.query, MOST.query),
    exception: cut(alert.exception, MOST.exception),
  };
}

function cut(text: string, most: number): string {
  return trim(text, most).toWellFormed();
}

function cutIfGiven(alert: Alert, name: 'peer' | 'interface' | 'account'): Partial<Alert> {
  const value = alert[name];
  return value === undefined ? {} : { [name]: cut(value, MOST.name) };
}
