import type { Count } from '../message.ts';
import type { FailureReason, Outcome, Sink } from '../sink.ts';
import type { SinkOptions } from '../sinks/index.ts';
import type { Member, UnitRecord } from '../units/unit.ts';
import { createUnits, type Units, type UnitsOptions } from '../units/units.ts';
import { createWording, type WordingOptions } from '../words/wording.ts';
import type { Save } from './ledger.ts';
import { savedOf } from './ledger.ts';
import { createQueue, type DeadLetter, type Queue, type Settled, type Waiting } from './queue.ts';

/** What a sink shows of itself. Counts are since the start of the process. */
export interface SinkView {
  readonly sink: string;
  readonly delivered: number;
  readonly failed: Readonly<Partial<Record<FailureReason, number>>>;
  /** Alerts it was not told of yet, messages that are on their way, and messages that were given up. */
  readonly alerts: number;
  readonly messages: number;
  readonly dead: number;
  readonly bytes: number;
  /** Uses of templates that failed: our own text stood in their place. */
  readonly templateFailures: number;
  /** It fails again and again. */
  readonly broken: boolean;
}

/** One sink with all that waits for it. */
export interface Channel {
  readonly units: Units;
  readonly queue: Queue;
  /** Counts what became of an attempt, and tells whoever runs this. */
  settled(one: Waiting, outcome: Outcome, settled: Settled): void;
  view(): SinkView;
}

export interface ChannelOptions
  extends Pick<UnitsOptions, 'standingOf' | 'holdOf' | 'onHeld'>,
    Pick<WordingOptions, 'guideOf' | 'console'> {
  readonly options: SinkOptions;
  readonly sink: Sink;
  readonly saved: ReadonlyMap<string, string>;
  readonly save: Save;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

export function openChannel(
  { options, sink, guideOf, console, saved, save, log, ...alerts }: ChannelOptions,
  now: number,
): Channel {
  const { traits } = sink;
  const { name, rate = traits.rate, sendResolved, retryFor, maxBytes } = options;
  const mine = <T>(kind: Parameters<Save>[0]): Map<string, T> => {
    const prefix = `${name} `;
    const found = [...savedOf<T>(saved, kind)].filter(([key]) => key.startsWith(prefix));
    return new Map(found.map(([key, value]) => [key.slice(prefix.length), value]));
  };
  const units = createUnits(
    {
      ...{ ...alerts, sink: name, traits, single: rate, sendResolved, maxBytes, save },
      units: mine<UnitRecord>('unit'),
      members: mine<Member>('member'),
      dropped: savedOf<readonly Count[]>(saved, 'dropped').get(name) ?? [],
    },
    now,
  );
  let templateFailures = 0;
  const toldTemplates = new Set<string>();
  const wording = createWording({
    guideOf,
    console,
    templates: 'templates' in options ? options.templates : undefined,
    onFailure(template, why) {
      templateFailures++;
      if (toldTemplates.has(template)) return;
      toldTemplates.add(template);
      log('warn', 'a template fails: our own text stands in its place', { sink: name, template, why });
    },
  });
  const queue = createQueue({
    ...{ sink: name, traits, rate, units, wording, save, retryFor: retryFor * 1000 },
    messages: mine<Waiting>('message'),
    dead: mine<DeadLetter>('dead'),
    pausedUntil: savedOf<{ until: number }>(saved, 'pause').get(name)?.until ?? 0,
  });
  const failed: Partial<Record<FailureReason, number>> = {};
  let delivered = 0;
  let wasBroken = false;
  /** Reasons that were told since the last delivery. */
  const toldReasons = new Set<FailureReason>();

  return {
    units,
    queue,
    settled({ message }, outcome, settled) {
      // The last resort: whoever reads the log knows what nobody was told.
      const alerts = message.alerts.map(
        ({ id, severity, title }) => `${severity} ${id.slice(0, 8)} ${title}`,
      );
      if (outcome.delivered) {
        delivered++;
        toldReasons.clear();
        if (wasBroken) log('info', 'a sink takes messages again', { sink: name });
      } else {
        const { reason, detail } = outcome;
        failed[reason] = (failed[reason] ?? 0) + 1;
        const level = toldReasons.has(reason) ? 'warn' : 'error';
        if (settled === 'dead') {
          log(level, 'a message was given up', { sink: name, key: message.key, reason, detail, alerts });
          toldReasons.add(reason);
        }
        if (queue.isBroken && !wasBroken)
          log('error', 'a sink fails again and again: what it has to be told waits', {
            ...{ sink: name, reason, detail, alerts },
          });
      }
      wasBroken = queue.isBroken;
    },
    view: () => ({
      ...{ sink: name, delivered, failed: { ...failed } },
      alerts: units.waiting,
      messages: queue.waiting.size,
      dead: queue.dead.size,
      bytes: units.bytes,
      templateFailures,
      broken: queue.isBroken,
    }),
  };
}
