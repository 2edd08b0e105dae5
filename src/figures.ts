import type { Dictionary } from './columns/dictionary.ts';
import type { Config } from './config.ts';
import type { Coverage, DetectorStanding } from './contracts.ts';
import type { CoverageBook } from './coverage.ts';
import type { AskedNames } from './reference/asked-names.ts';
import type { InterfaceAddresses } from './reference/interface-addresses.ts';
import type { Rollup } from './rollup/rollup.ts';
import type { Scorer } from './score/scorer.ts';

/** What a data folder shows of itself beside its alerts. */
export interface Figures {
  /** Of the data folder as a whole. */
  readonly coverage: Coverage;
  /** Keys that found no place, by table. */
  readonly overflow: Readonly<Record<string, number>>;
}

interface Origins {
  readonly config: Config;
  readonly covered: CoverageBook;
  readonly names: Dictionary;
  readonly rollup: Rollup;
  readonly scorer: Scorer;
  readonly asked: AskedNames;
  readonly addresses: InterfaceAddresses;
}

/** What holds now. Costs a look at each interface. */
export function figuresOf({ config, covered, names, rollup, scorer, asked, addresses }: Origins): Figures {
  const off = Object.entries(config.detectors).flatMap(([detector, { mode }]): DetectorStanding[] =>
    mode === 'off' ? [{ detector, state: 'off', why: 'mode: off' }] : [],
  );
  return {
    coverage: covered.figures((from, to) =>
      [...off, ...scorer.standings(from, to)].sort((a, b) => (a.detector < b.detector ? -1 : 1)),
    ),
    overflow: {
      ...rollup.overflow,
      ...scorer.overflow(),
      names: names.overflow,
      asked: asked.overflow,
      addresses: addresses.overflow,
    },
  };
}
