import type { SimulateOptions, SimulateResult } from './options.ts';

export type { SimulateOptions, SimulateResult } from './options.ts';

/** Writes simulated flow logs to `options.out`. Throws a UserError on options that make no sense. */
export async function simulateToFile(options: SimulateOptions): Promise<SimulateResult> {
  throw new Error(`cannot simulate ${options.out}: not built yet`);
}
