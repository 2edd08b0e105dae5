import type { Alert } from '../../src/contracts.ts';
import { openChannel } from '../../src/send/delivery/channel.ts';
import { createLedger } from '../../src/send/delivery/ledger.ts';
import type { Message } from '../../src/send/message.ts';
import { createRoutes } from '../../src/send/routing/route.ts';
import type { Outcome, SinkTraits } from '../../src/send/sink.ts';
import { FileSinkOptions } from '../../src/send/sinks/file.ts';
import type { SinkOptions } from '../../src/send/sinks/index.ts';
import type { Templates } from '../../src/send/words/template.ts';

export const GROUP: SinkTraits = {
  unit: 'group',
  rate: 1000,
  folds: true,
  repeats: true,
  acknowledges: false,
  concurrency: 8,
};
export const ALERT: SinkTraits = { ...GROUP, unit: 'alert', repeats: false, acknowledges: true };

/** As the sender does, but less often. */
const SWEEP_MS = 60_000;

export const OK: Outcome = { delivered: true, answer: 'ok' };

/** Everything between an alert and one sink, on a clock that only tests move, and on a disk that forgets what was not written. */
export function createWorld({
  traits = GROUP,
  route = {},
  options = {},
  templates = {},
  hold = () => undefined,
}: {
  traits?: SinkTraits;
  route?: Partial<NonNullable<Parameters<typeof createRoutes>[0]>>;
  options?: object;
  templates?: Templates;
  hold?: (alert: Alert, now: number) => string | undefined;
} = {}) {
  const alerts = new Map<string, Alert>();
  const acknowledged = new Set<string>();
  const closed = new Set<string>();
  const routes = createRoutes({ routes: [], ...route }, ['s']);
  const sinkOptions = FileSinkOptions.parse({ type: 'file', name: 's', path: '/dev/null', ...options });
  const sink = { traits, preview: () => '', deliver: async () => OK, close() {} };
  let saved = new Map<string, string>();
  let now = Date.parse('2026-03-02T10:00:00Z');
  const logged: string[] = [];
  let ledger = createLedger();
  const open = () => {
    ledger = createLedger();
    return openChannel(
      {
        // As of a sink that speaks to people.
        options: { ...sinkOptions, templates } as SinkOptions,
        sink,
        guideOf: () => undefined,
        saved,
        save: ledger.save,
        log: (level, message) => logged.push(`${level} ${message}`),
        standingOf(id) {
          const alert = alerts.get(id);
          return alert && { alert, acknowledged: acknowledged.has(id), closed: closed.has(id) };
        },
        holdOf: (alert, _, at) => hold(alert, at),
        onHeld() {},
      },
      now,
    );
  };
  let channel = open();
  const write = (): void => {
    for (const { key, value } of ledger.drain())
      if (value === undefined) saved.delete(key);
      else saved.set(key, value);
  };
  const take = (alert: Alert): void => {
    alerts.set(alert.id, alert);
    for (const place of routes.place(alert)) channel.units.take(alert, place, now);
  };
  const sent: Message[] = [];
  let swept = 0;
  const world = {
    sent,
    logged,
    acknowledged,
    closed,
    get now() {
      return now;
    },
    get channel() {
      return channel;
    },
    get saved() {
      return saved;
    },
    /** Alerts change, durably. */
    put(...changed: Alert[]) {
      for (const alert of changed) take(alert);
      write();
    },
    look(id: string) {
      channel.units.look(id, now);
    },
    /** The process ends, with what was not written, and begins anew. */
    crash() {
      saved = new Map(saved);
      channel = open();
      write();
    },
    /** Lets time pass, and what is due be sent. */
    pass(seconds: number, deliver: (message: Message, now: number) => Outcome | 'crash' = () => OK) {
      const end = now + seconds * 1000;
      for (;;) {
        if (now - swept >= SWEEP_MS) {
          channel.units.sweep(now);
          swept = now;
        }
        const one = channel.queue.next(now);
        if (one === undefined) {
          const wake = Math.max(now + 1000, Math.min(channel.queue.wakeAt(now), swept + SWEEP_MS));
          if (wake > end) break;
          now = wake;
          continue;
        }
        write();
        const before = channel;
        const outcome = deliver(one.message, now);
        if (outcome !== 'crash' && outcome.delivered) sent.push(one.message);
        if (outcome === 'crash') {
          sent.push(one.message);
          world.crash();
        }
        if (before !== channel) continue;
        channel.settled(
          one,
          outcome as Outcome,
          channel.queue.settle(one.message.key, outcome as Outcome, now),
        );
        write();
      }
      now = end;
      write();
    },
  };
  return world;
}
