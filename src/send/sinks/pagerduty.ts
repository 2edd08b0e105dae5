import { z } from 'zod';
import type { Alert, Severity } from '../../contracts.ts';
import { readSecret, type Secret, SecretReference } from '../../outbound/secret.ts';
import { openTls, TlsOptions } from '../../outbound/tls.ts';
import { type Message, worst } from '../message.ts';
import type { Sink } from '../sink.ts';
import { plainUrl, SpokenCommon } from '../sink-options.ts';
import { fitAlert } from '../words/fit.ts';
import {
  countsText,
  digestText,
  factsOf,
  headline,
  linkTo,
  meaningOf,
  nextSteps,
  plain,
  sentenceOf,
  trim,
} from '../words/text.ts';
import { outcomeOf, post } from './http.ts';

/** PagerDuty's Events API v2: an incident for each alert. */
export const PagerDutyOptions = z.strictObject({
  type: z.literal('pagerduty').describe('PagerDuty, Events API v2: an incident for each alert'),
  ...SpokenCommon.shape,
  routingKey: SecretReference.describe('Integration key of the service'),
  url: plainUrl
    .default('https://events.pagerduty.com/v2/enqueue')
    .describe('Address of the API; https://events.eu.pagerduty.com/v2/enqueue in the EU'),
  tls: TlsOptions.optional().describe('Certificates, where a proxy needs others than public ones'),
});
export type PagerDutyOptions = z.infer<typeof PagerDutyOptions>;

/** What its documentation sets: https://developer.pagerduty.com/docs/send-alert-event */
const MOST = { summary: 1024, text: 500, key: 255, bytes: 512_000 };
const SEVERITY: Readonly<Record<Severity, string>> = {
  critical: 'critical',
  high: 'error',
  medium: 'warning',
  low: 'info',
  info: 'info',
};
const ACTION = { firing: 'trigger', acknowledged: 'acknowledge', resolved: 'resolve' } as const;

export async function openPagerDuty(options: PagerDutyOptions, console?: string): Promise<Sink> {
  const read = () => readSecret(options.routingKey, `the routing key of sink ${options.name}`);
  await read();
  const tls = await openTls(options.tls);
  return {
    traits: { unit: 'alert', rate: 10, folds: true, repeats: false, acknowledges: true, concurrency: 8 },
    preview: (message) => JSON.stringify(eventOf(message, console, undefined), null, 2),
    async deliver(message, signal) {
      const key = await read();
      const body = JSON.stringify(eventOf(message, console, key));
      const headers = { 'content-type': 'application/json' };
      return outcomeOf(await post({ url: options.url, body, headers, signal, tls }), [key]);
    },
    close: () => tls.close(),
  };
}

function eventOf(message: Message, console: string | undefined, key: Secret | undefined): object {
  const [first] = message.alerts;
  const single = message.kind === 'alert' ? first : undefined;
  const event = {
    routing_key: key?.reveal() ?? '[secret]',
    event_action: ACTION[message.event],
    // The alert's identity: what is sent twice is one incident.
    dedup_key: trim(single?.id ?? `flowsentry/${message.sink}/${message.unit}`, MOST.key),
  };
  if (message.event !== 'firing') return event;
  const link = first && linkTo(console, first);
  return {
    ...event,
    client: 'flowsentry',
    ...(console === undefined ? {} : { client_url: console }),
    ...(link === undefined ? {} : { links: [{ href: link, text: 'the alert in flowsentry' }] }),
    payload: {
      summary: trim(headline(message), MOST.summary),
      source: trim(single === undefined ? 'flowsentry' : plain(single.subject), MOST.text),
      severity: SEVERITY[worst(message)],
      timestamp: first?.lastSeen ?? message.at,
      ...(single?.interface === undefined ? {} : { component: trim(plain(single.interface), MOST.text) }),
      ...(single?.account === undefined ? {} : { group: trim(plain(single.account), MOST.text) }),
      class: single?.detector ?? 'digest',
      custom_details: single === undefined ? digestDetails(message) : alertDetails(message, single),
    },
  };
}

function alertDetails(message: Message, alert: Alert): object {
  const { id, severity, attack, firstSeen, lastSeen, count, score, explanation, samples, query, exception } =
    fitAlert(alert);
  return {
    what: sentenceOf(message, alert),
    ...Object.fromEntries(meaningOf(message, alert)),
    ...Object.fromEntries(factsOf(message, alert)),
    ...{ severity, firstSeen, lastSeen, count, score, attack },
    why: explanation,
    next: Object.fromEntries(nextSteps(message, alert)),
    ...{ samples, query, exception, id },
    ...(alert.encrypted === undefined ? {} : { encrypted: alert.encrypted }),
  };
}

function digestDetails(message: Message): object {
  const { dropped, alerts } = message;
  return {
    alerts: digestText(message),
    ...(dropped.length === 0 ? {} : { 'told of by number alone': countsText(dropped) }),
    worst: alerts.map((alert) => `${alert.severity}: ${trim(sentenceOf(message, alert), MOST.text)}`),
    next: 'flowsentry alerts list',
  };
}
