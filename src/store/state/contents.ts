import type { Position } from '../../contracts.ts';
import type { Segment } from '../history/messages.ts';
import type { AlertRow } from './alert-row.ts';

/** An entry as it is now; null when it is gone. */
export type Change<T> = readonly [key: string, value: T | null];

/** Entries by key, and which of them changed since they were last written down as a whole. */
export class Keyed<T> {
  readonly #entries = new Map<string, T>();
  readonly #changed = new Set<string>();

  get size(): number {
    return this.#entries.size;
  }

  /** How many entries {@link changes} gives. */
  get changed(): number {
    return this.#changed.size;
  }

  values(): Iterable<T> {
    return this.#entries.values();
  }

  entries(): IterableIterator<[string, T]> {
    return this.#entries.entries();
  }

  /** Undefined takes the entry away. */
  set(key: string, value: T | undefined): void {
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
    this.#changed.add(key);
  }

  *changes(): Generator<Change<T>> {
    for (const key of this.#changed) yield [key, this.#entries.get(key) ?? null];
  }

  /** Whoever writes all entries down from now on has all changes up to now. */
  settle(): void {
    this.#changed.clear();
  }
}

/** All that a data folder has beside the files of its history and of its saved states. */
export interface Contents {
  /** By path. */
  readonly segments: Keyed<Segment>;
  /** By partition. */
  readonly positions: Keyed<Position>;
  /** By id. */
  readonly alerts: Keyed<AlertRow>;
  /** What the delivery of alerts saved. */
  readonly outbox: Keyed<string>;
}

/** Some of them, as JSON. */
export type Changes = {
  readonly [K in keyof Contents]?: readonly (Contents[K] extends Keyed<infer T> ? Change<T> : never)[];
};

export function emptyContents(): Contents {
  return { segments: new Keyed(), positions: new Keyed(), alerts: new Keyed(), outbox: new Keyed() };
}

/** Carries changes out. */
export function apply(contents: Contents, { segments, positions, alerts, outbox }: Changes): void {
  put(contents.segments, segments);
  put(contents.positions, positions);
  put(contents.alerts, alerts);
  put(contents.outbox, outbox);
}

function put<T>(table: Keyed<T>, changes: readonly Change<T>[] = []): void {
  for (const [key, value] of changes) table.set(key, value ?? undefined);
}

export const tablesOf = (contents: Contents): readonly [keyof Contents, Keyed<unknown>][] =>
  Object.entries(contents) as [keyof Contents, Keyed<unknown>][];
