import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { countsOf, type Message } from '../../src/send/message.ts';
import type { FailureReason, Outcome, Sink } from '../../src/send/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { type Answer, type Received, type Receiver, startReceiver } from '../send/receiver.ts';

/** What the suite needs to know of a sink that speaks HTTP. */
export interface SinkContract {
  /** Opens it on a receiver. Its secrets are `secrets`. */
  open(url: string, trusted: boolean): Promise<Sink>;
  readonly secrets: readonly string[];
  /** How the other side says that it took a message. */
  readonly accept: Answer;
  /** What a request says, as data; without it its JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: each sink sends a shape of its own, and what is asked of it is looked up by path.
  dataOf?(request: Received): any;
  /** Where a request has the key by which a repeat is known. */
  keyOf(request: Received): unknown;
  /** The secrets that a request has to have, where they belong: all else is looked through. */
  without(request: Received): object;
  /** Bytes that a request may have at most. */
  readonly maxBytes: number;
  /** Throws when anything in the body is not dead text. */
  expectDead(request: Received): void;
}

export function messageOf(alerts: readonly Alert[], more: Partial<Message> = {}): Message {
  return {
    key: 'k'.repeat(32),
    sink: 's',
    unit: alerts.length === 1 ? (alerts[0]?.id ?? '') : 'group',
    kind: alerts.length === 1 ? 'alert' : 'group',
    event: 'firing',
    repeat: false,
    labels: { detector: 'port-scan' },
    firing: alerts.length,
    resolved: 0,
    counts: countsOf(alerts),
    alerts,
    dropped: [],
    at: '2026-03-02T10:00:00.000Z',
    ...more,
  };
}

/** An alert every text of which is this one. */
export function filledWith(text: string): Alert {
  const [sample] = alertOf(1).samples;
  const asset = {
    ...{ id: text, name: text, role: text, interface: text, account: text, region: text },
    ...{ vpc: text, subnet: text, securityGroups: [text], tags: { [text]: text } },
  };
  return alertOf(1, {
    title: text,
    subject: text,
    peer: text,
    interface: text,
    account: text,
    zone: text,
    peerZone: text,
    asset,
    peerAsset: asset,
    network: { asn: 64_500, organization: text, country: text, service: text, region: text },
    peerNetwork: { organization: text },
    samples: [{ ...sample!, 'interface-id': text, srcaddr: text, dstaddr: text }],
    attack: [text],
    explanation: { observed: text, baseline: text, threshold: text, formula: text, [text]: text },
    query: text,
    exception: text,
  });
}

/** What templates make of alerts every text of which is this one: whatever they give is as hostile. */
export function wordsOf(text: string, alerts: readonly Alert[]): NonNullable<Message['words']> {
  const own = {
    ...{ name: text, meaning: text, check: text, sentence: text },
    ...{ numbers: `${text}: ${text}\n${text}`, next: `${text}: flowsentry ${text}\n${text}` },
  };
  return { title: text, digest: text, alerts: Object.fromEntries(alerts.map(({ id }) => [id, own])) };
}

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (request, response) =>
    response
      .writeHead(code, headers)
      // The other side repeats what it was told, as some do.
      .end(`it says: ${JSON.stringify(request.headers)} ${request.body}`);

const within = (milliseconds: number) => AbortSignal.timeout(milliseconds);

export function itIsASink(name: string, contract: SinkContract): void {
  const { dataOf = ({ json }: Received) => json } = contract;
  describe(`the sink ${name}`, () => {
    let receiver: Receiver;
    let sink: Sink;
    const outcomes: Outcome[] = [];
    beforeAll(async () => {
      receiver = await startReceiver(contract.accept);
      sink = await contract.open(receiver.url, true);
    });
    afterAll(async () => {
      await sink.close();
      await receiver.close();
    });
    const one = messageOf([alertOf(1)]);
    const deliver = async (message = one, milliseconds = 5000): Promise<Outcome> => {
      const outcome = await sink.deliver(message, within(milliseconds));
      outcomes.push(outcome);
      return outcome;
    };

    it('delivers with a key that stays the same', async () => {
      receiver.answer(contract.accept);
      receiver.received.length = 0;
      expect(await deliver()).toMatchObject({ delivered: true });
      expect(await deliver()).toMatchObject({ delivered: true });
      const keys = receiver.received.map((request) => contract.keyOf(request));
      expect(keys[0]).toBeTruthy();
      expect(keys[0]).toBe(keys[1]);
    });

    it.each<[number, FailureReason]>([
      [400, 'refused'],
      [401, 'unauthorized'],
      [403, 'unauthorized'],
      [404, 'gone'],
      [408, 'timeout'],
      [410, 'gone'],
      [413, 'too-large'],
      [422, 'refused'],
      [302, 'refused'],
      [425, 'unavailable'],
      [500, 'unavailable'],
      [502, 'unavailable'],
      [503, 'unavailable'],
      [504, 'unavailable'],
    ])('calls %i %s', async (code, reason) => {
      receiver.answer(status(code, { location: 'https://localhost:1/' }));
      receiver.received.length = 0;
      expect(await deliver()).toMatchObject({ delivered: false, reason });
      expect(receiver.received).toHaveLength(1);
    });

    it.each([
      ['a number', () => '30', 30],
      ['a date', () => new Date(Date.now() + 90_000).toUTCString(), 90],
    ])('hears how long it has to wait, as %s', async (_, header, seconds) => {
      receiver.answer(status(429, { 'retry-after': header() }));
      const outcome = await deliver();
      expect(outcome).toMatchObject({ delivered: false, reason: 'rate-limited' });
      expect(Math.abs(((outcome as { retryAfter?: number }).retryAfter ?? 0) - seconds)).toBeLessThan(5);
    });

    it.each<[string, Answer, FailureReason]>([
      ['says nothing', () => {}, 'timeout'],
      ['drips', (_, response) => void response.writeHead(200).write('a'), 'timeout'],
      ['hangs up', (_, __, socket) => socket.destroy(), 'unreachable'],
      [
        'hangs up in its answer',
        (_, response, socket) => {
          response.writeHead(200, { 'content-length': '1000' }).write('a');
          setTimeout(() => socket.destroy(), 50);
        },
        'unreachable',
      ],
      [
        'speaks another language',
        (_, __, socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
        'bad-answer',
      ],
      ['says far too much', (_, response) => void response.end('x'.repeat(1_000_000)), 'bad-answer'],
      [
        'compresses unasked',
        (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
        'bad-answer',
      ],
    ])('fails in time when the other side %s', async (_, answer, reason) => {
      receiver.answer(answer);
      expect(await deliver(one, reason === 'timeout' ? 500 : 5000)).toMatchObject({
        delivered: false,
        reason,
      });
    });

    it('does not talk to a server that proves nothing, nor to none', async () => {
      const other = await contract.open(receiver.url, false);
      expect(await other.deliver(one, within(5000))).toMatchObject({ delivered: false, reason: 'untrusted' });
      await other.close();
      const gone = await contract.open('https://localhost:1', true);
      expect(await gone.deliver(one, within(5000))).toMatchObject({
        delivered: false,
        reason: 'unreachable',
      });
      await gone.close();
    });

    it('cuts what is too large, and stays well-formed', async () => {
      receiver.answer(contract.accept);
      const huge = `${'a🟥'.repeat(3_500_000)}`;
      const messages = [
        messageOf([filledWith(huge)]),
        messageOf(
          Array.from({ length: 20 }, (_, i) => ({ ...filledWith(huge), id: String(i).padStart(32, '0') })),
        ),
      ];
      for (const message of messages) {
        receiver.received.length = 0;
        expect(await deliver(message, 20_000)).toMatchObject({ delivered: true });
        for (const request of receiver.received) {
          const { body } = request;
          expect(Buffer.byteLength(body)).toBeLessThanOrEqual(contract.maxBytes);
          expect(JSON.stringify(dataOf(request)).isWellFormed()).toBe(true);
          expect(body).not.toContain('\\ud83d"');
        }
      }
    });

    it('makes nothing of hostile texts', async () => {
      receiver.answer(contract.accept);
      expect(HOSTILE.length).toBe(60);
      for (const text of HOSTILE) {
        receiver.received.length = 0;
        const alert = filledWith(text);
        for (const alerts of [[alert], [alert, { ...alert, id: 'f'.repeat(32) }]])
          for (const event of ['firing', 'resolved'] as const)
            for (const words of [undefined, wordsOf(text, alerts)])
              expect(
                await deliver(messageOf(alerts, { event, words, labels: { [text]: text } })),
              ).toMatchObject({ delivered: true });
        expect(receiver.received.length).toBeGreaterThanOrEqual(8);
        for (const request of receiver.received) {
          const data = dataOf(request);
          expect(Object.getPrototypeOf(data)).toBe(Array.isArray(data) ? Array.prototype : Object.prototype);
          expect(JSON.stringify(data).isWellFormed()).toBe(true);
          contract.expectDead(request);
        }
      }
    });

    it('keeps its secrets where they belong', async () => {
      receiver.answer(status(500));
      receiver.received.length = 0;
      await deliver();
      const shown = [
        ...outcomes.map((outcome) => JSON.stringify(outcome)),
        sink.preview(one),
        inspect(sink, { depth: 9 }),
        ...receiver.received.map((request) => JSON.stringify(contract.without(request))),
      ].join('\n');
      for (const secret of contract.secrets) {
        expect(shown).not.toContain(secret);
        expect(JSON.stringify(receiver.received)).toContain(secret);
      }
    });
  });
}
