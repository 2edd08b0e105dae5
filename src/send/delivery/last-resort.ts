import type { Alert } from '../../contracts.ts';
import type { Channel } from './channel.ts';

export interface LastResortOptions {
  readonly channels: ReadonlyMap<string, Channel>;
  alertOf(id: string): Alert | undefined;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** While no sink at all takes messages, alerts go to the log: whoever reads it knows what nobody was told. */
export interface LastResort {
  /** Looks whether it is so, and tells what it has not told yet. */
  look(): void;
  readonly isActive: boolean;
}

/** Alerts that are told one by one in one outage; of the others their number. */
const MOST_TOLD = 100;

export function createLastResort({ channels, alertOf, log }: LastResortOptions): LastResort {
  /** What was told of each alert in this outage; undefined without one. */
  let told: Map<string, string> | undefined;
  let isFull = false;

  function tell(known: Map<string, string>): void {
    for (const { units } of channels.values())
      for (const id of units.untold()) {
        const alert = alertOf(id);
        if (alert === undefined) continue;
        const { state, severity } = alert;
        const now = `${state} ${severity}`;
        if (known.get(id) === now) continue;
        if (known.size >= MOST_TOLD && !known.has(id)) {
          if (!isFull)
            log(
              'error',
              'nobody can be told of more alerts than the log names: flowsentry alerts list has all',
              {
                named: MOST_TOLD,
              },
            );
          isFull = true;
          return;
        }
        known.set(id, now);
        const { samples: _, exception: __, ...shown } = alert;
        log('error', 'nobody can be told of an alert', { alert: shown });
      }
  }

  return {
    look() {
      const isActive = channels.size > 0 && [...channels.values()].every(({ queue }) => queue.isFailing);
      if (!isActive) {
        if (told !== undefined) log('info', 'sinks take messages again', { sinks: [...channels.keys()] });
        told = undefined;
        isFull = false;
        return;
      }
      if (told === undefined)
        log('error', 'no sink takes messages: what they have to be told waits, and stands here', {
          sinks: [...channels.keys()],
        });
      told ??= new Map();
      tell(told);
    },
    get isActive() {
      return told !== undefined;
    },
  };
}
