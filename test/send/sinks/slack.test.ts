import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { guideOf } from '../../../detectors/index.ts';
import { openSlack, SlackOptions } from '../../../src/send/sinks/slack.ts';
import { createWording } from '../../../src/send/words/wording.ts';
import { temporaryFolder } from '../../cli/run.ts';
import { itIsASink, messageOf } from '../../contracts/sink.ts';
import { alertOf } from '../alerts.ts';
import { type Answer, CA, startReceiver } from '../receiver.ts';
import { expectDeadText, problemOf, slackServer } from './slack-rules.ts';

const folder = temporaryFolder();
const TOKEN = 'xoxb-canary-of-the-bot';
const at = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const token = { file: at('token', TOKEN) };
const open = (url: string, trusted = true, console?: string) =>
  openSlack(
    SlackOptions.parse({
      ...{ type: 'slack', name: 'chat', channel: 'C0123456789', token, url: `${url}/api/` },
      tls: trusted ? { ca: CA } : {},
    }),
    console,
  );

const accept: Answer = ({ json }, response) => {
  const problem = problemOf(json);
  response.end(
    JSON.stringify(problem === undefined ? { ok: true, ts: '1.2' } : { ok: false, error: problem }),
  );
};

itIsASink('slack', {
  open,
  secrets: [TOKEN],
  accept,
  keyOf: ({ json }) => json.metadata.event_payload.key,
  without: ({ headers: { authorization: _, ...headers }, body }) => ({ headers, body }),
  maxBytes: 60_000,
  expectDead: expectDeadText,
});

let turn = 0;
itIsASink('slack by an incoming webhook', {
  open: (url, trusted) =>
    openSlack(
      SlackOptions.parse({
        ...{
          type: 'slack',
          name: 'chat',
          urlFile: at(`url-${turn++}`, `${url}/services/T0/B0/canary-of-the-path\n`),
        },
        tls: trusted ? { ca: CA } : {},
      }),
    ),
  secrets: ['canary-of-the-path'],
  accept: ({ json }, response) => {
    const problem = problemOf(json);
    response.writeHead(problem === undefined ? 200 : 400).end(problem ?? 'ok');
  },
  // It has no place for a key: what comes twice looks the same.
  keyOf: ({ body }) => body,
  without: ({ headers, body }) => ({ headers, body }),
  maxBytes: 60_000,
  expectDead: expectDeadText,
});

describe('a Slack channel', () => {
  it('has a thread for each group, and its first message shows that all is over', async () => {
    const slack = slackServer(TOKEN);
    const receiver = await startReceiver(slack.answer);
    const sink = await open(receiver.url);
    const send = (more: object) => sink.deliver(messageOf([alertOf(1)], more), AbortSignal.timeout(5000));
    expect(await send({})).toEqual({ delivered: true, answer: 'ok', note: '1700000000.000001' });
    const note = '1700000000.000001';
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await send({ note, repeat: true })).toEqual({ delivered: true, answer: 'ok' });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await send({ note, event: 'resolved', firing: 0, resolved: 1 })).toEqual({
      delivered: true,
      answer: 'ok',
    });
    expect(slack.posted.map(({ thread_ts, reply_broadcast }) => [thread_ts, reply_broadcast])).toEqual([
      [undefined, undefined],
      [note, true],
      [note, undefined],
    ]);
    expect(slack.updated.map(({ ts, attachments }) => [ts, attachments[0].color])).toEqual([
      [note, '#2e7d32'],
    ]);
    // At once after another: one message a second is what the channel takes.
    expect(await send({ note })).toMatchObject({ delivered: false, reason: 'rate-limited', retryAfter: 1 });
    // Somebody deleted the thread's first message: everybody is told all the same.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await send({ note: '1.1', event: 'resolved' })).toMatchObject({ delivered: true });
    await sink.close();
    await receiver.close();
  });

  it.each([
    ['invalid_auth', 'unauthorized'],
    ['not_in_channel', 'unauthorized'],
    ['channel_not_found', 'gone'],
    ['is_archived', 'gone'],
    ['msg_blocks_too_long', 'too-large'],
    ['ratelimited', 'rate-limited'],
    ['internal_error', 'unavailable'],
    ['something_new', 'refused'],
  ])('that answers 200 and %s is %s', async (error, reason) => {
    const receiver = await startReceiver((_, response) => response.end(JSON.stringify({ ok: false, error })));
    const sink = await open(receiver.url);
    expect(await sink.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(5000))).toMatchObject({
      delivered: false,
      reason,
      detail: error,
    });
    receiver.answer((_, response) => response.end('<html>a proxy'));
    expect(await sink.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(5000))).toMatchObject({
      delivered: false,
      reason: 'bad-answer',
    });
    await sink.close();
    await receiver.close();
  });

  it('shows what happened, how unusual it is, and what to do next', async () => {
    const sink = await open('https://localhost', true, 'https://flows.example.org');
    const message = messageOf([alertOf(1, { zone: 'web', peerZone: 'database' })]);
    const text = sink.preview({ ...message, words: createWording({ guideOf, onFailure() {} })(message) });
    for (const part of [
      '🔴 High · Port scan',
      '10.0.1.1 tried 60 ports of 10.0.2.9 in vain',
      'Why it matters: ',
      'Somebody looks for services to break into.',
      'Check first: ',
      'Who works on the source',
      'SELECT 1',
      'exceptions:\\n  - detector: port-scan',
      'account 123456789012, interface eni-0a1b2c3d, zone web → database',
      'Observed: ',
      'Usual: ',
      'flowsentry alerts show 00000000',
      'close 00000000 --as false-positive',
      `https://flows.example.org/alerts/${alertOf(1).id}`,
      '#d32f2f',
    ])
      expect(text).toContain(part);
    await sink.close();
  });

  it('lists the worst of many, and says how many more there are', async () => {
    const sink = await open('https://localhost');
    const alerts = Array.from({ length: 20 }, (_, i) =>
      alertOf(i + 1, { severity: i < 2 ? 'critical' : 'low' }),
    );
    const text = sink.preview(
      messageOf(alerts, {
        counts: [
          { detector: 'port-scan', severity: 'critical', alerts: 2 },
          { detector: 'port-scan', severity: 'low', alerts: 4000 },
        ],
        dropped: [{ detector: 'bad-ip', severity: 'low', alerts: 7 }],
      }),
    );
    for (const part of [
      '2 critical: 2 port-scan',
      '4,000 low: 4,000 port-scan',
      'and 3,992 more: ',
      '7 low bad-ip',
      '4,002 alerts',
    ])
      expect(text).toContain(part);
    await sink.close();
  });

  it.each([
    [{}, 'needs either token and channel, or urlFile'],
    [{ token, urlFile: 'x', channel: 'C1' }, 'needs either'],
    [{ token }, 'goes with token'],
    [{ token: 'xoxb-1', channel: 'C1' }, 'Invalid input'],
  ])('is not configured with %o', (more, problem) => {
    const { error } = SlackOptions.safeParse({ type: 'slack', name: 'chat', ...more });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });
});
