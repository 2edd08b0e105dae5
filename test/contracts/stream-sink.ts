import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../src/send/message.ts';
import type { FailureReason, Outcome, Sink } from '../../src/send/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { filledWith, messageOf, wordsOf } from './sink.ts';

/** The other side of a sink that speaks a protocol of its own over TLS. `B`: what it can be told to do. */
export interface StreamServer<B> {
  readonly port: number;
  /** What it took, one for each message (or alert), as it came. */
  readonly received: readonly { readonly raw: string }[];
  behave(behaviour: B): void;
  close(): Promise<void>;
}

/** What the suite needs to know of such a sink. */
export interface StreamSinkContract<B> {
  start(): Promise<StreamServer<B>>;
  open(port: number, trusted: boolean): Promise<Sink>;
  /** As the server usually is. */
  readonly usual: B;
  /** What it may do instead, and what that is called. */
  readonly failures: readonly (readonly [name: string, behaviour: B, reason: FailureReason])[];
  readonly secrets: readonly string[];
  /** The key by which a repeat is known. */
  keyOf(raw: string): unknown;
  /** Bytes that one has at most. */
  readonly maxBytes: number;
  /** Throws when anything in it is not dead text. */
  expectDead(raw: string): void;
}

export function itIsAStreamSink<B>(name: string, contract: StreamSinkContract<B>): void {
  describe(`the sink ${name}`, () => {
    let server: StreamServer<B>;
    let sink: Sink;
    const outcomes: Outcome[] = [];
    beforeAll(async () => {
      server = await contract.start();
      sink = await contract.open(server.port, true);
    });
    afterAll(async () => {
      await sink.close();
      await server.close();
    });
    const one = messageOf([alertOf(1)]);
    const deliver = async (message: Message = one, milliseconds = 5000): Promise<Outcome> => {
      const outcome = await sink.deliver(message, AbortSignal.timeout(milliseconds));
      outcomes.push(outcome);
      return outcome;
    };
    /** What arrives of one delivery. */
    const arriving = async (message: Message, milliseconds?: number): Promise<string[]> => {
      const before = server.received.length;
      const many = sink.traits.unit === 'batch' ? message.alerts.length : 1;
      expect(await deliver(message, milliseconds)).toMatchObject({ delivered: true });
      await expect.poll(() => server.received.length, { interval: 2 }).toBeGreaterThanOrEqual(before + many);
      return server.received.slice(before).map(({ raw }) => raw);
    };

    it('delivers with a key that stays the same, and the same bytes', async () => {
      const [first] = await arriving(one);
      const [second] = await arriving(one);
      expect(contract.keyOf(first ?? '')).toBeTruthy();
      expect(second).toBe(first);
      const [other] = await arriving(messageOf([alertOf(1)], { key: 'o'.repeat(32) }));
      expect(contract.keyOf(other ?? '')).not.toBe(contract.keyOf(first ?? ''));
    });

    it.each(contract.failures)('fails in time: %s', async (_, behaviour, reason) => {
      server.behave(behaviour);
      const outcome = await deliver(one, reason === 'timeout' ? 700 : 5000);
      server.behave(contract.usual);
      expect(outcome).toMatchObject({ delivered: false, reason });
    });

    it('delivers again after any of these', async () => {
      expect(await arriving(one)).toHaveLength(1);
    });

    it('does not talk to a server that proves nothing, nor to none', async () => {
      const before = server.received.length;
      const other = await contract.open(server.port, false);
      expect(await other.deliver(one, AbortSignal.timeout(5000))).toMatchObject({
        delivered: false,
        reason: 'untrusted',
      });
      await other.close();
      expect(server.received.length).toBe(before);
      const gone = await contract.open(1, true);
      expect(await gone.deliver(one, AbortSignal.timeout(5000))).toMatchObject({
        delivered: false,
        reason: 'unreachable',
      });
      await gone.close();
    });

    it('cuts what is too large', async () => {
      const huge = 'a🟥'.repeat(3_500_000);
      const twenty = Array.from({ length: 20 }, (_, i) => ({
        ...filledWith(huge),
        id: String(i).padStart(32, '0'),
      }));
      for (const message of [messageOf([filledWith(huge)]), messageOf(twenty)])
        for (const raw of await arriving(message, 20_000)) {
          expect(raw.length).toBeLessThanOrEqual(contract.maxBytes);
          expect(raw).not.toContain('\ufffd');
        }
    });

    it('makes nothing of hostile texts', async () => {
      // A line for each alert: one message can have them all.
      const isBatch = sink.traits.unit === 'batch';
      for (const texts of isBatch ? [HOSTILE] : HOSTILE.map((text) => [text])) {
        const alerts = texts.map((text, i) => ({ ...filledWith(text), id: String(i).padStart(32, '0') }));
        const [first] = alerts;
        for (const some of [alerts, [...alerts, { ...first!, id: 'f'.repeat(32) }]])
          for (const event of ['firing', 'resolved'] as const) {
            const [text = ''] = texts;
            for (const words of [undefined, wordsOf(text, some)])
              for (const raw of await arriving(messageOf(some, { event, words, labels: { [text]: text } })))
                contract.expectDead(raw);
          }
      }
    });

    it('keeps its secrets where they belong', async () => {
      const shown = [
        ...outcomes.map((outcome) => JSON.stringify(outcome)),
        sink.preview(one),
        inspect(sink, { depth: 9 }),
        ...server.received.map(({ raw }) => raw),
      ].join('\n');
      for (const secret of contract.secrets) expect(shown).not.toContain(secret);
    });
  });
}
