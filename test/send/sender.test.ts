import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import type { Message } from '../../src/send/message.ts';
import type { RouteOptions } from '../../src/send/options.ts';
import { openSender, type SendSettings } from '../../src/send/sender.ts';
import type { SinkTraits } from '../../src/send/sink.ts';
import { FileSinkOptions } from '../../src/send/sinks/file.ts';
import { alertOf } from './alerts.ts';
import { ALERT, OK } from './world.ts';

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
