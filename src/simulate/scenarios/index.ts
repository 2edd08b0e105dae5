import { EXIT, UserError } from '../../errors.ts';
import type { Internet } from '../internet.ts';
import { Random } from '../random.ts';
import type { Source, World } from '../world.ts';
import { access } from './access.ts';
import { anonymous } from './anonymous.ts';
import { chains } from './chains.ts';
import { egress } from './egress.ts';
import { floods } from './floods.ts';
import { quiet } from './quiet.ts';
import { scans } from './scans.ts';
import type { Scenario, ScenarioSummary } from './scenario.ts';
import { telemetry } from './telemetry.ts';
import { threats } from './threats.ts';

export type { ScenarioSummary } from './scenario.ts';

interface Variant {
  readonly scenario: Scenario;
  readonly ipv6: boolean;
}

const ALL: ReadonlyMap<string, Variant> = new Map(
  [
    ...scans,
    ...access,
    ...egress,
    ...floods,
    ...threats,
    ...anonymous,
    ...chains,
    ...telemetry,
    ...quiet,
  ].flatMap((scenario): [string, Variant][] => {
    const variants: [string, Variant][] = [[scenario.name, { scenario, ipv6: false }]];
    if (scenario.dual === true) variants.push([`${scenario.name}-ipv6`, { scenario, ipv6: true }]);
    return variants;
  }),
);

/** Every scenario that can be asked for by name. */
export const SCENARIOS: readonly ScenarioSummary[] = [...ALL].map(([name, { scenario, ipv6 }]) => ({
  name,
  summary: ipv6 ? `${scenario.summary}; over IPv6` : scenario.summary,
  attack: scenario.attack,
  quiet: scenario.quiet,
}));

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 };

/** Sources of the named scenarios. Throws a UserError on a name or time that is none. */
export function openScenarios(world: World, internet: Internet, names: readonly string[]): Source[] {
  return names.map((text) => {
    const parts = /^([a-z0-9-]+)(?:@(\d+(?:\.\d+)?)([smhd]))?$/.exec(text);
    const known = ALL.get(parts?.[1] ?? '');
    if (parts === null || known === undefined)
      throw new UserError(
        `cannot simulate the scenario ${JSON.stringify(text)}: write a name from the list, or name@30m to start it then`,
        { exitCode: EXIT.usage },
      );
    const { scenario, ipv6 } = known;
    const after =
      parts[2] === undefined ? defaultFrom(scenario) * world.length : Number(parts[2]) * UNITS[parts[3]!]!;
    return scenario.play({
      world,
      internet,
      random: new Random(world.seed, `scenario/${text}`),
      at: world.start + Math.floor(after / 60) * 60,
      ipv6,
      name: scenario.name,
      quiet: scenario.quiet,
    });
  });
}

function defaultFrom(scenario: Scenario): number {
  return scenario.from ?? (scenario.quiet ? 0 : 0.5);
}
