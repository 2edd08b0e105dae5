import { z } from 'zod';
import type { Alert } from '../../contracts.ts';
import { type Message, total, worst } from '../message.ts';
import { fitAlert } from '../words/fit.ts';
import { countsText, grouped } from '../words/text.ts';
import { toOcsf } from './ocsf.ts';

/** In which form an alert is handed over to programs. */
export const RecordFormat = z
  .enum(['json', 'ocsf'])
  .default('json')
  .describe('Form of an alert: our own record, or a Detection Finding of OCSF 1.6.0');
export type RecordFormat = z.infer<typeof RecordFormat>;

/** One alert of a message by itself. */
export interface AlertRecord {
  /** The alert's id; the message's key for what is told by number alone. */
  readonly id: string;
  /** By it a repeat of this record is known. */
  readonly key: string;
  readonly alert: Alert;
  /** JSON on one line. */
  readonly text: string;
}

interface RecordOptions {
  /** Where links lead. */
  readonly console?: string | undefined;
  /** Of a record's text in UTF-8; without it nothing is cut. */
  readonly maxBytes?: number;
}

/** All that a message tells of, one by one: its alerts, and one record of those that are told by their number alone. */
export function recordsOf(
  message: Message,
  format: RecordFormat,
  options: RecordOptions = {},
): AlertRecord[] {
  const { key, alerts, dropped, test } = message;
  const { console, maxBytes } = options;
  const marks = test === true ? { key, test } : { key };
  const own = (alert: Alert): object => ({ ...alert, ...marks });
  const record = (alert: Alert, name: string, json: (alert: Alert) => object): AlertRecord => {
    const text = (one: Alert): string =>
      JSON.stringify(format === 'ocsf' ? toOcsf(one, message, console) : json(one));
    return {
      id: alert.id,
      key: `${key}-${name}`,
      alert,
      text: maxBytes === undefined ? text(alert) : fitTo(alert, maxBytes, text),
    };
  };
  const records = alerts.map((alert) => record(alert, alert.id, own));
  if (dropped.length > 0) records.push(record(droppedAlert(message), 'dropped', () => ({ key, dropped })));
  return records;
}

/** What is made of an alert, cut harder and harder until it has at most so many bytes. */
export function fitTo(alert: Alert, maxBytes: number, textOf: (alert: Alert) => string): string {
  for (let share = 1; ; share /= 2) {
    const text = textOf(fitAlert(alert, share));
    if (Buffer.byteLength(text) <= maxBytes || share < 0.01) return text;
  }
}

/** What stands for alerts that are told by their number alone, where only alerts can be told. */
export function droppedAlert({ key, dropped, at }: Message): Alert {
  const many = total(dropped);
  return {
    id: key,
    detector: 'flowsentry',
    severity: worst({ alerts: [], counts: dropped }),
    state: 'firing',
    title: `${grouped(many)} alerts found no place while nothing could be delivered: ${countsText(dropped)}`,
    subject: 'flowsentry',
    firstSeen: at,
    lastSeen: at,
    count: many,
    score: 0,
    attack: [],
    explanation: { observed: many, baseline: 0, threshold: 0, formula: 'alerts beyond maxBytes of the sink' },
    samples: [],
    query: '',
    exception: '',
  };
}
