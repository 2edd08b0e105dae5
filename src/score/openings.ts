import type { Entry } from './alert-book.ts';

/** An alert that began to fire, for the first time or again after it had resolved. */
export interface Opening {
  readonly id: string;
  /** Unix seconds of event time. */
  readonly at: number;
}

/** Notes when alerts begin to fire: what somebody would be told of. */
export class Openings {
  readonly all: Opening[] = [];
  readonly #firing = new Set<string>();

  /** Takes what changed in a book up to event time `at`. */
  note(changed: readonly Entry[], at: number): void {
    for (const { alert } of changed) {
      if (alert.state === 'resolved') this.#firing.delete(alert.id);
      else if (!this.#firing.has(alert.id)) {
        this.#firing.add(alert.id);
        this.all.push({ id: alert.id, at });
      }
    }
  }
}
