import { z } from 'zod';
import { type Alert, SEVERITIES } from '../../contracts.ts';
import { readSecret, SecretReference } from '../../outbound/secret.ts';
import { openTls, TlsOptions } from '../../outbound/tls.ts';
import type { Message } from '../message.ts';
import type { Sink } from '../sink.ts';
import { plainUrl, SpokenCommon } from '../sink-options.ts';
import { fitAlert } from '../words/fit.ts';
import { endsOf, factsOf, linkTo, meaningOf, nextSteps, plain, sentenceOf } from '../words/text.ts';
import { outcomeOf, post } from './http.ts';

/** Prometheus' Alertmanager: it groups, silences and routes by itself. */
export const AlertmanagerOptions = z.strictObject({
  type: z
    .literal('alertmanager')
    .describe("Prometheus' Alertmanager, API v2: it groups and routes by itself"),
  ...SpokenCommon.shape,
  url: plainUrl.describe('Address of the Alertmanager, with its path prefix where it has one'),
  authorization: SecretReference.optional().describe('Value of the header Authorization, such as Bearer …'),
  hold: z
    .int()
    .min(600)
    .default(43_200)
    .describe(
      'Seconds after which it takes an alert for over that we told nothing more of; longer than repeatInterval',
    ),
  tls: TlsOptions.optional().describe('Certificates: a private CA, and ours where it asks for one'),
});
export type AlertmanagerOptions = z.infer<typeof AlertmanagerOptions>;

export async function openAlertmanager(options: AlertmanagerOptions, console?: string): Promise<Sink> {
  const { name, authorization } = options;
  const read = async () =>
    authorization === undefined ? [] : [await readSecret(authorization, `the authorization of sink ${name}`)];
  await read();
  const tls = await openTls(options.tls);
  const bodyOf = (message: Message) =>
    message.alerts.flatMap((alert) => postable(alert, message, options.hold, console));
  return {
    traits: { unit: 'alert', rate: 600, folds: false, repeats: true, acknowledges: false, concurrency: 8 },
    preview: (message) => JSON.stringify(bodyOf(message), null, 2),
    async deliver(message, signal) {
      const secrets = await read();
      const [secret] = secrets;
      const answer = await post({
        url: `${options.url.replace(/\/+$/, '')}/api/v2/alerts`,
        body: JSON.stringify(bodyOf(message)),
        headers: {
          'content-type': 'application/json',
          ...(secret === undefined ? {} : { authorization: secret.reveal() }),
        },
        tls,
        signal,
      });
      return outcomeOf(answer, secrets);
    },
    close: () => tls.close(),
  };
}

/**
 * An alert as Alertmanager has it: its labels are its identity there, so only what never changes is one, but for the severity, which everybody
 * routes by. With it the milder ones are told to be over: it may have got worse.
 */
function postable(whole: Alert, message: Message, hold: number, console: string | undefined): object[] {
  const alert = fitAlert(whole);
  const { severity, explanation, attack, count, query } = alert;
  const isOver = message.event === 'resolved';
  const at = Date.parse(message.at);
  const link = linkTo(console, alert);
  const labels = { alertname: plain(alert.detector), alert_id: alert.id, subject: plain(alert.subject) };
  const annotations = {
    summary: sentenceOf(message, alert),
    what: endsOf(alert),
    observed: plain(String(explanation.observed)),
    usual: plain(String(explanation.baseline)),
    threshold: plain(String(explanation.threshold)),
    attack: plain(attack.join(', ')),
    count: String(count),
    query: plain(query),
    ...(alert.encrypted === undefined ? {} : { encrypted: alert.encrypted }),
    meaning: linesText(meaningOf(message, alert)),
    numbers: linesText(factsOf(message, alert)),
    next: linesText(nextSteps(message, alert)),
  };
  const one = (its: string, endsAt: number): object => ({
    labels: { ...labels, severity: its, ...(message.test === true ? { test: 'true' } : {}) },
    annotations,
    startsAt: alert.firstSeen,
    endsAt: new Date(endsAt).toISOString(),
    ...(link === undefined ? {} : { generatorURL: link }),
  });
  const milder = SEVERITIES.slice(0, SEVERITIES.indexOf(severity));
  return [one(severity, isOver ? at : at + hold * 1000), ...milder.map((its) => one(its, at))];
}

/** `Name: value; name: value`. */
function linesText(lines: readonly (readonly [name: string, value: string])[]): string {
  return lines.map(([name, value]) => `${name}: ${value}`).join('; ');
}
