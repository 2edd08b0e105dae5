import type { Alert, OutboxChange } from '../contracts.ts';
import type { Engine } from '../engine.ts';

/** Of the outbox: alerts that a checkpoint made durable and that nobody can have read yet. */
const KEY = 'unprinted';

export interface PrintingOptions {
  readonly engine: Pick<Engine, 'outbox' | 'writeOutbox'>;
  /** Only where no sink is configured. */
  readonly isOn: boolean;
  /** Resolves when they were handed over. */
  print(alerts: readonly Alert[]): Promise<void>;
}

export interface Printing {
  /** What of alerts has to be durable with them. */
  take(changed: readonly Alert[]): readonly OutboxChange[];
  /** They are durable now. */
  print(alerts: readonly Alert[]): Promise<void>;
}

/**
 * Alerts on standard output, each at least once: they stay noted in the state until they were printed, and what an earlier process left there
 * is printed first.
 */
export async function openPrinting({ engine, isOn, print }: PrintingOptions): Promise<Printing> {
  const printAll = async (alerts: readonly Alert[]): Promise<void> => {
    if (isOn) await print(alerts);
    await engine.writeOutbox([{ key: KEY, value: undefined }]);
  };
  const left = engine.outbox.get(KEY);
  if (left !== undefined) await printAll(JSON.parse(left) as Alert[]);
  return {
    take: (changed) => (isOn && changed.length > 0 ? [{ key: KEY, value: JSON.stringify(changed) }] : []),
    async print(alerts) {
      if (isOn && alerts.length > 0) await printAll(alerts);
    },
  };
}
