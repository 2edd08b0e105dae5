import type { Alert, Guide, OutboxChange } from '../contracts.ts';
import { type Channel, openChannel, type SinkView } from './delivery/channel.ts';
import { startCourier } from './delivery/courier.ts';
import { createLastResort } from './delivery/last-resort.ts';
import { createLedger, KINDS, savedOf } from './delivery/ledger.ts';
import type { DeadLetter, Queue, Waiting } from './delivery/queue.ts';
import { createRemarks, type Remark, type Remarks } from './delivery/remarks.ts';
import type { InhibitOptions, SilenceOptions, TimeIntervals } from './options.ts';
import { createInhibition } from './routing/inhibition.ts';
import { createRoutes, type Timing } from './routing/route.ts';
import { createSilences, type Silence, type Silences } from './routing/silences.ts';
import { isWithin } from './routing/times.ts';
import type { Sink } from './sink.ts';
import type { SinkOptions } from './sinks/index.ts';
import type { Standing } from './units/unit.ts';

/** What the configuration says of delivery. */
export interface SendSettings {
  readonly sinks: readonly SinkOptions[];
  readonly route?: Parameters<typeof createRoutes>[0] | undefined;
  readonly inhibit: readonly InhibitOptions[];
  readonly silences: readonly SilenceOptions[];
  readonly timeIntervals: TimeIntervals;
  /** Where links lead. */
  readonly console?: string | undefined;
}

export interface SenderOptions {
  readonly settings: SendSettings;
  /** What an earlier sender saved. */
  readonly saved: ReadonlyMap<string, string>;
  /** All alerts that somebody should see, and one of them. */
  alerts(): readonly Alert[];
  alertOf(id: string): Alert | undefined;
  /** Makes changes durable, after all that was handed over before. */
  write(changes: readonly OutboxChange[]): Promise<void>;
  /** What is said of a detector's alerts. */
  guideOf(detector: string): Guide | undefined;
  openSink(options: SinkOptions, console?: string): Promise<Sink>;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
  /** The clock, Unix milliseconds; default: the process's. */
  now?(): number;
}

/** Everything of the outbox that people look at and decide on. */
export interface Outbox {
  readonly sinks: readonly SinkView[];
  readonly waiting: readonly Omit<Waiting, 'covers'>[];
  readonly dead: readonly Omit<DeadLetter, 'covers'>[];
  readonly silences: readonly Silence[];
  readonly remarks: readonly (readonly [id: string, remark: Remark])[];
}

export interface Sender extends AsyncDisposable {
  /** Takes over alerts that a checkpoint makes durable; what it gives has to be durable with them. */
  take(changed: readonly Alert[]): readonly OutboxChange[];
  /** Makes what was noted durable. */
  flush(): Promise<void>;
  readonly remarks: Remarks;
  readonly silences: Silences;
  /** Notes a silence that was added or ended. */
  keep(silence: Silence): void;
  /** An alert was acknowledged, judged or silenced: looks at it anew. */
  look(id: string): void;
  /** Names of all sinks, and what waits for one. */
  readonly sinks: readonly string[];
  queue(sink: string): Queue | undefined;
  /** Something may be due. */
  wake(): void;
  view(): readonly SinkView[];
  /** No sink takes messages. */
  readonly isMute: boolean;
  outbox(): Outbox;
  /** Raised by whatever {@link outbox} shows. */
  readonly revision: number;
  /** Why nothing can be made durable any more. */
  readonly failure: unknown;
}

/** Milliseconds between two looks for what is to be repeated or forgotten. */
const SWEEP_MS = 10_000;
/** Milliseconds that attempts have to end when everything is closed. */
const CLOSE_MS = 2000;

/** Brings alerts to people. Throws a UserError when a sink cannot be opened. */
export async function openSender(options: SenderOptions): Promise<Sender> {
  const { settings, saved, log } = options;
  const now = options.now ?? Date.now;
  const names = settings.sinks.map(({ name }) => name);
  const routes = createRoutes(settings.route, names);
  const inhibition = createInhibition(settings.inhibit);
  const ledger = createLedger();
  const { save } = ledger;
  const silences = createSilences([...savedOf<Silence>(saved, 'silence').values()], settings.silences);
  const remarks = createRemarks(savedOf(saved, 'remark'), save);
  let revision = 0;
  let failure: unknown;

  const standingOf = (id: string): Standing | undefined => {
    const alert = options.alertOf(id);
    if (alert === undefined) return undefined;
    const remark = remarks.get(id);
    return { alert, acknowledged: remark?.acknowledged !== undefined, closed: remark?.closed === true };
  };
  const holdOf = (sink: string, alert: Alert, unit: Timing, at: number): string | undefined => {
    const other = inhibition.inhibitedBy(alert);
    if (other !== undefined) return `inhibition ${other}`;
    const silence = silences.find(alert, at);
    if (silence !== undefined) return `silence ${silence.id}`;
    const holds = (name: string) => settings.timeIntervals[name]?.some((one) => isWithin(at, one)) === true;
    // Its own route's: a digest and a batch have alerts of several.
    const { muteTimes, activeTimes } = routes.timingAt(alert, sink) ?? unit;
    const muted = muteTimes.find(holds);
    if (muted !== undefined) return `time ${muted}`;
    return activeTimes.length > 0 && !activeTimes.some(holds) ? 'time outside' : undefined;
  };
  const onHeld = (alert: Alert, by: string, at: number): void => {
    const [kind, id = ''] = by.split(' ');
    const hit = kind === 'silence' ? silences.hit(id, alert.id, at) : undefined;
    if (hit !== undefined) save('silence', id, hit);
  };

  let writing: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  function flush(): Promise<void> {
    // Everything noted until a write begins goes with it: one transaction for all that came meanwhile.
    next ??= (writing ?? Promise.resolve()).then(() => {
      next = undefined;
      const changes = ledger.drain();
      if (changes.length > 0) revision++;
      writing = options.write(changes);
      return writing;
    });
    return next;
  }

  await using cleanup = new AsyncDisposableStack();
  const channels = new Map<string, Channel>();
  const sinks = new Map<string, Sink>();
  for (const one of settings.sinks) {
    const sink = await options.openSink(one, settings.console);
    cleanup.defer(() => sink.close());
    sinks.set(one.name, sink);
    const { guideOf } = options;
    const { console } = settings;
    const channel = openChannel(
      {
        ...{ options: one, sink, guideOf, console, saved, save, log, standingOf, onHeld },
        holdOf: (...held) => holdOf(one.name, ...held),
      },
      now(),
    );
    channels.set(one.name, channel);
  }
  forgetOthers(saved, new Set(names), save);
  const take = (alert: Alert, at: number): void => {
    inhibition.see(alert);
    const places = new Map(routes.place(alert).map((place) => [place.sink, place]));
    for (const [name, { units }] of channels) {
      const place = places.get(name);
      if (place !== undefined) units.take(alert, place, at);
      // Another route may have brought it here while it was open.
      else if (alert.state === 'resolved') units.look(alert.id, at);
    }
    // Not before: who was not told until somebody judged it is not told that it is over either.
    if (alert.state === 'resolved') remarks.reopen(alert.id);
  };
  // What fires and is unknown, as at the first start or to a new sink; then what no route brings to a sink any more.
  for (const alert of options.alerts()) if (alert.state === 'firing') take(alert, now());
  for (const [name, { units }] of channels)
    units.prune((alert) => routes.place(alert).some(({ sink }) => sink === name));
  await flush();

  const lastResort = createLastResort({ channels, alertOf: options.alertOf, log });
  const couriers = [...channels].map(([name, { queue, settled }]) =>
    startCourier({
      queue,
      sink: sinks.get(name)!,
      write: flush,
      now,
      onSettled: settled,
      onFailure: (error) => {
        failure ??= error;
      },
    }),
  );
  // From here on couriers close their sinks.
  cleanup.move();
  const wakeAll = (): void => {
    for (const courier of couriers) courier.wake();
  };
  const sweeper = setInterval(() => {
    for (const { units } of channels.values()) units.sweep(now());
    lastResort.look();
    wakeAll();
    flush().catch((error: unknown) => {
      failure ??= error;
    });
  }, SWEEP_MS);
  sweeper.unref();

  const view = (): SinkView[] => [...channels.values()].map((channel) => channel.view());
  return {
    take(changed) {
      const at = now();
      for (const alert of changed) take(alert, at);
      if (channels.size > 0) revision++;
      // Messages wait for the checkpoint by themselves: what they need durable is written after it.
      queueMicrotask(wakeAll);
      return ledger.drain();
    },
    flush,
    remarks,
    silences,
    keep(silence) {
      silences.put(silence);
      save('silence', silence.id, silence);
    },
    look(id) {
      for (const { units } of channels.values()) units.look(id, now());
      wakeAll();
    },
    sinks: names,
    wake: wakeAll,
    queue: (sink) => channels.get(sink)?.queue,
    view,
    get isMute() {
      return lastResort.isActive;
    },
    outbox: () => ({
      sinks: view(),
      waiting: [...channels.values()].flatMap(({ queue }) => [...queue.waiting.values()].map(shown)),
      dead: [...channels.values()].flatMap(({ queue }) => [...queue.dead.values()].map(shown)),
      silences: silences.list(),
      remarks: remarks.list(),
    }),
    get revision() {
      return revision;
    },
    get failure() {
      return failure;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweeper);
      await Promise.all(couriers.map((courier) => courier.close(CLOSE_MS)));
      await flush().catch(() => {});
    },
  };
}

/** Without the ids of all alerts that a message tells of: in a storm they are many. */
function shown<T extends Waiting>({ covers: _, ...letter }: T): Omit<T, 'covers'> {
  return letter;
}

/** What sinks had that are no longer configured. */
function forgetOthers(
  saved: ReadonlyMap<string, string>,
  names: ReadonlySet<string>,
  save: ReturnType<typeof createLedger>['save'],
): void {
  for (const key of saved.keys()) {
    const [kind, sink = ''] = key.split(' ', 2);
    if (kind === 'silence' || kind === 'remark' || names.has(sink)) continue;
    const known = KINDS.find((one) => one === kind);
    if (known !== undefined) save(known, key.slice(known.length + 1), undefined);
  }
}
