import { Watermark } from './watermark.ts';

/** Event time of records that move on together: a partition, a source, or all there is. */
export interface Lane {
  readonly watermark: Watermark;
  /** It has caught up and is silent: time goes on without it until it has records again. */
  idle: boolean;
}

type Saved = readonly [name: string, lane: { max: number; ahead: number[]; idle: boolean }][];

/**
 * Event time of all lanes together: it has passed what every lane that is not idle has passed, so that a partition that is read more slowly
 * than others loses nothing. A lane without records yet holds it still. When all are idle, the newest one decides.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  /** The lane of that name, from its first mention on. */
  of(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { watermark: new Watermark(), idle: false };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** Keeps the lanes that `keeps` says; forgets the others. */
  retain(keeps: (name: string) => boolean): void {
    for (const name of this.#lanes.keys()) if (!keeps(name)) this.#lanes.delete(name);
  }

  /** Newest event time of any lane, Unix seconds; 0 without one. */
  get newest(): number {
    let newest = 0;
    for (const { watermark } of this.#lanes.values()) newest = Math.max(newest, watermark.max);
    return newest;
  }

  /** Event time that all have reached, Unix seconds; 0 as long as one has none. */
  get reached(): number {
    let reached = Number.POSITIVE_INFINITY;
    for (const { watermark, idle } of this.#lanes.values())
      if (!idle) reached = Math.min(reached, watermark.max);
    return reached === Number.POSITIVE_INFINITY ? this.newest : reached;
  }

  snapshot(): Saved {
    return [...this.#lanes].map(([name, { watermark, idle }]) => [name, { ...watermark.snapshot(), idle }]);
  }

  restore(saved: Saved): void {
    this.#lanes.clear();
    for (const [name, { idle, ...time }] of saved) {
      const lane = this.of(name);
      lane.watermark.restore(time);
      lane.idle = idle;
    }
  }
}
