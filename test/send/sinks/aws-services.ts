import type { Outcome, Sink } from '../../../src/send/sink.ts';
import { messageOf } from '../../contracts/sink.ts';
import { alertOf } from '../alerts.ts';
import { type Answer, type Received, startReceiver } from '../receiver.ts';

/** Credentials that every client of AWS uses from now on; the session token travels in a header. */
export const TOKEN = 'canary-of-the-session-token';
Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'canary-of-the-secret-key',
  AWS_SESSION_TOKEN: TOKEN,
  AWS_EC2_METADATA_DISABLED: 'true',
});
export const REGION = 'eu-central-1';
export const ACCOUNT = '123456789012';

/** A request without the headers that hold or are made with secrets. */
export function withoutSignature({ headers, body, path }: Received): object {
  const { authorization: _, 'x-amz-security-token': __, ...others } = headers;
  return { headers: others, body, path };
}

/** The entries of a call of SNS, whose requests are forms: `PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=…`. */
export function entriesOfForm(body: string): { [name: string]: string }[] {
  const entries: { [name: string]: string }[] = [];
  for (const [name, value] of new URLSearchParams(body)) {
    const [, number, rest] = /^PublishBatchRequestEntries\.member\.(\d+)\.(.+)$/.exec(name) ?? [];
    if (number === undefined || rest === undefined) continue;
    entries[Number(number) - 1] ??= {};
    entries[Number(number) - 1]![rest] = value;
  }
  return entries;
}

/** What a sink makes of one answer to one alert, and what it asked for it. */
export async function outcomeOf(
  open: (url: string) => Promise<Sink>,
  answer: Answer,
): Promise<{ readonly outcome: Outcome; readonly received: readonly Received[] }> {
  const receiver = await startReceiver(answer);
  const sink = await open(receiver.url);
  const outcome = await sink.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(10_000));
  await Promise.all([sink.close(), receiver.close()]);
  return { outcome, received: receiver.received };
}
