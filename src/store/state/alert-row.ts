import type { Alert, Opened } from '../../contracts.ts';

/** An alert with what its book needs to go on after a restart. */
export interface AlertRow {
  readonly alert: Alert;
  /** Unix seconds. */
  readonly resolvesAt: number;
  readonly shadow: boolean;
  /** When it began to fire; absent in folders of before it was noted. */
  readonly opened?: readonly Opened[];
}
