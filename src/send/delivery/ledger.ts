import type { OutboxChange } from '../../contracts.ts';

/** What has its own kind of key in the outbox. */
export const KINDS = ['unit', 'member', 'message', 'dead', 'dropped', 'pause', 'silence', 'remark'] as const;
export type Kind = (typeof KINDS)[number];

/** Notes a value down under a key, or takes it away. What it was called with is durable after the next write. */
export type Save = (kind: Kind, name: string, value: object | undefined) => void;

/** What has to be remembered, kept as texts until it is written down. */
export interface Ledger {
  readonly save: Save;
  /** All that was saved since the last call. */
  drain(): OutboxChange[];
}

export function createLedger(): Ledger {
  const changed = new Map<string, string | undefined>();
  return {
    save(kind, name, value) {
      changed.set(`${kind} ${name}`, value === undefined ? undefined : JSON.stringify(value));
    },
    drain() {
      const changes = [...changed].map(([key, value]) => ({ key, value }));
      changed.clear();
      return changes;
    },
  };
}

/** Saved values of one kind by name. */
export function savedOf<T>(saved: ReadonlyMap<string, string>, kind: Kind): Map<string, T> {
  const prefix = `${kind} `;
  const found = new Map<string, T>();
  for (const [key, value] of saved)
    if (key.startsWith(prefix)) found.set(key.slice(prefix.length), JSON.parse(value) as T);
  return found;
}
