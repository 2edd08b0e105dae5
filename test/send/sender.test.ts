import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import type { Message } from '../../src/send/message.ts';
import type { RouteOptions } from '../../src/send/options.ts';
import type { TimeInterval } from '../../src/send/routing/times.ts';
import { openSender, type SendSettings } from '../../src/send/sender.ts';
import type { SinkTraits } from '../../src/send/sink.ts';
import { FileSinkOptions } from '../../src/send/sinks/file.ts';
import { alertOf } from './alerts.ts';
import { ALERT, GROUP, OK } from './world.ts';

const MINUTE = 60_000;
const resolved = (alert: Alert): Alert => ({ ...alert, state: 'resolved' });

/** A sender with all that is its own, and sinks that take everything, on a clock that only tests move. */
async function openWorld(sinks: Readonly<Record<string, SinkTraits>>, settings: Partial<SendSettings>) {
  const alerts = new Map<string, Alert>();
  const sent: Message[] = [];
  const sender = await openSender({
    settings: {
      sinks: Object.keys(sinks).map((name) =>
        FileSinkOptions.parse({ type: 'file', name, path: '/dev/null', rate: sinks[name]?.rate }),
      ),
      ...{ inhibit: [], silences: [], timeIntervals: {}, ...settings },
    },
    saved: new Map(),
    alerts: () => [...alerts.values()],
    alertOf: (id) => alerts.get(id),
    write: async () => {},
    guideOf: () => undefined,
    openSink: async ({ name }) => ({
      traits: sinks[name]!,
      preview: () => '',
      async deliver(message) {
        sent.push(message);
        return OK;
      },
      close() {},
    }),
    log() {},
  });
  return {
    sender,
    /** Alerts change; then so many minutes pass. */
    async put(minutes: number, ...changed: Alert[]) {
      for (const alert of changed) alerts.set(alert.id, alert);
      sender.take(changed);
      await vi.advanceTimersByTimeAsync(minutes * MINUTE);
    },
    /** What a sink was told so far: of each message the event and the alerts by their numbers. */
    told: (sink: string) =>
      sent
        .filter((message) => message.sink === sink)
        .map(({ event, alerts }) => `${event} ${alerts.map(({ id }) => Number.parseInt(id, 16))}`),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-03-02T02:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const AT_ONCE = { groupWait: 0, groupInterval: 0 };
/** A route under the top one. */
const below = (match: string, more: Partial<RouteOptions>): RouteOptions => ({
  ...{ match: [match], continue: false, routes: [] },
  ...more,
});

describe('an alert that another route brings elsewhere while it fires', () => {
  it('is closed at every sink where it was opened', async () => {
    const { sender, put, told } = await openWorld(
      { low: ALERT, high: ALERT },
      { route: { sinks: ['low'], ...AT_ONCE, routes: [below('severity>=high', { sinks: ['high'] })] } },
    );
    await using _ = sender;
    await put(1, alertOf(1, { severity: 'medium' }));
    await put(1, alertOf(1, { severity: 'high' }));
    await put(1, resolved(alertOf(1, { severity: 'high' })));
    expect(told('low')).toEqual(['firing 1', 'resolved 1']);
    expect(told('high')).toEqual(['firing 1', 'resolved 1']);
  });
});

describe('times at which nobody is to be told', () => {
  const night: TimeInterval[] = [{ location: 'UTC', times: [[0, 360]], weekdays: [], daysOfMonth: [] }];
  const batch: SinkTraits = { ...GROUP, unit: 'batch', rate: 100_000, folds: false, repeats: false };
  const muted = (match: string, sink: string): Partial<SendSettings> => ({
    timeIntervals: { night },
    route: { sinks: [sink], ...AT_ONCE, routes: [below(match, { muteTimes: ['night'] })] },
  });

  it('are those of each alert of a batch', async () => {
    const { sender, put, told } = await openWorld({ file: batch }, muted('severity<=low', 'file'));
    await using _ = sender;
    await put(1, alertOf(1), alertOf(2, { severity: 'low' }));
    await put(1, resolved(alertOf(1)), alertOf(3), alertOf(4, { severity: 'low' }));
    expect(told('file')).toEqual(['firing 1', 'firing 1,3']);
    await put(1, alertOf(5, { severity: 'low' }), alertOf(6));
    expect(told('file').at(-1)).toBe('firing 6');
    await put(5 * 60);
    expect(told('file').at(-1)).toBe('firing 2,4,5');
  });

  it('are those of each alert of a digest', async () => {
    const people: SinkTraits = { ...GROUP, rate: 10 };
    const { sender, put, told } = await openWorld({ chat: people }, muted('account="dev"', 'chat'));
    await using _ = sender;
    const prod = [1, 2, 3].map((n) => alertOf(n, { account: 'prod', severity: 'medium' }));
    // More than people read: the rest, of both, is one digest.
    await put(10, ...Array.from({ length: 30 }, (_, i) => alertOf(100 + i, { account: 'dev' })), ...prod);
    expect(told('chat')).toEqual(['firing 1,2,3']);
  });
});

describe('an alert that somebody judged before anybody was told', () => {
  const verdict = { by: 'me', at: '2026-03-02T02:00:00.000Z', as: 'false-positive' } as const;

  it.each([['alert'], ['group']] as const)(
    'is not told when it resolves, and is when it fires anew: by %s',
    async (unit) => {
      const traits: SinkTraits = { ...ALERT, unit };
      const { sender, put, told } = await openWorld({ s: traits }, { route: { groupWait: 300, routes: [] } });
      await using _ = sender;
      await put(1, alertOf(1));
      sender.remarks.judge(alertOf(1).id, verdict, true);
      sender.look(alertOf(1).id);
      await put(60, alertOf(1, { count: 900 }));
      await put(60, resolved(alertOf(1)));
      expect(told('s')).toEqual([]);
      expect(sender.outbox().sinks).toMatchObject([{ alerts: 0, bytes: 0 }]);
      await put(10, alertOf(1));
      expect(told('s')).toEqual(['firing 1']);
    },
  );
});
