import { Watermark } from './watermark.ts';

/** Event time of records that move on together: a partition, a source, or all there is. */
export interface Lane {
  readonly watermark: Watermark;
  /** Seconds a record may lag behind the newest one. */
  lateness: number;
  /** It has caught up and is silent: time goes on without it until it has records again. */
  idle: boolean;
  /** Idle since an earlier life, and not heard of in this one: it is waited for, since what came meanwhile is not read yet. */
  awaited: boolean;
}

type Saved = readonly [
  name: string,
  lane: { max: number; ahead: number[]; idle: boolean; lateness?: number },
][];

/**
 * Event time of all lanes together: it has passed what every lane that is not idle has passed by its lateness, so that a partition that is
 * read more slowly than others, or written later, loses nothing. A lane without records yet holds it still. When all are idle, the one that
 * is furthest decides.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #lateness: number;

  /** `lateness`: of lanes that have none of their own. */
  constructor(lateness: number) {
    this.#lateness = lateness;
  }

  /** The lane of that name, from its first mention on. */
  of(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { watermark: new Watermark(), lateness: this.#lateness, idle: false, awaited: false };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** Keeps the lanes that `keeps` says; forgets the others. */
  retain(keeps: (name: string) => boolean): void {
    for (const name of this.#lanes.keys()) if (!keeps(name)) this.#lanes.delete(name);
  }

  /** Another life begins of sources whose lanes have names that begin so: forgets all others, and names those that were idle, which are waited for once more. */
  resume(owners: readonly string[]): string[] {
    this.retain((name) => owners.some((owner) => name.startsWith(owner)));
    const idle = [...this.#lanes].filter(([, lane]) => lane.idle);
    for (const [, lane] of idle) lane.awaited = true;
    return idle.map(([name]) => name);
  }

  /** Time goes on without the lane until it has records again. */
  setIdle(name: string): void {
    const lane = this.of(name);
    lane.idle = true;
    lane.awaited = false;
  }

  /** Newest event time of any lane whose name begins with `owner`, Unix seconds; 0 without one. */
  newest(owner = ''): number {
    let newest = 0;
    for (const [name, { watermark }] of this.#lanes)
      if (name.startsWith(owner)) newest = Math.max(newest, watermark.max);
    return newest;
  }

  /** Event time that all have passed by their lateness, Unix seconds; 0 or less as long as one has none. */
  get passed(): number {
    let passed = Number.POSITIVE_INFINITY;
    let furthest = Number.NEGATIVE_INFINITY;
    for (const { watermark, lateness, idle, awaited } of this.#lanes.values()) {
      const own = watermark.max - lateness;
      furthest = Math.max(furthest, own);
      if (!idle || awaited) passed = Math.min(passed, own);
    }
    return passed === Number.POSITIVE_INFINITY ? furthest : passed;
  }

  snapshot(): Saved {
    return [...this.#lanes].map(([name, { watermark, lateness, idle }]) => [
      name,
      { ...watermark.snapshot(), lateness, idle },
    ]);
  }

  restore(saved: Saved): void {
    this.#lanes.clear();
    for (const [name, { idle, lateness = this.#lateness, ...time }] of saved) {
      const lane = this.of(name);
      lane.lateness = lateness;
      lane.watermark.restore(time);
      lane.idle = idle;
    }
  }
}
