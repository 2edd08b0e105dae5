import { packSnapshot, unpackSnapshot } from '../src/columns/snapshot.ts';
import type { Detector, Stateful } from '../src/contracts.ts';

/** Some bounded state of a detector. */
type Part = Stateful & { readonly overflow: number };

/** A detector that judges steps, and whose whole state is these parts, by name. */
export function detectorOf(
  parts: Readonly<Record<string, Part>>,
  step: NonNullable<Detector['step']>,
): Detector {
  return {
    get overflow() {
      return Object.values(parts).reduce((sum, part) => sum + part.overflow, 0);
    },
    step,
    snapshot: () =>
      packSnapshot(
        Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.snapshot()])),
        null,
      ),
    restore(state) {
      const { columns } = unpackSnapshot(state);
      for (const [name, part] of Object.entries(parts)) part.restore(columns.get(name) as Uint8Array);
    },
  };
}
