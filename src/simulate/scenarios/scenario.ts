import type { Party } from '../environment.ts';
import { type Internet, outside } from '../internet.ts';
import type { Random } from '../random.ts';
import { type Call, call, type Source, stream, type World } from '../world.ts';

/** A labelled story on top of the base traffic. */
export interface ScenarioSummary {
  readonly name: string;
  readonly summary: string;
  /** MITRE ATT&CK technique ids; none for quiet ones. */
  readonly attack: readonly string[];
  /** True when no detector may raise an alert on it. */
  readonly quiet: boolean;
}

export interface Scenario extends ScenarioSummary {
  /** Has an IPv6 variant, `name-ipv6`. */
  readonly dual?: boolean;
  /** Where in the run it begins when nothing is said, 0 (default for quiet ones) to 1; else 0.5. */
  readonly from?: number;
  play(stage: Stage): Source;
}

/** What a scenario acts with: nothing it does changes the base traffic. */
export interface Stage {
  readonly world: World;
  readonly internet: Internet;
  readonly random: Random;
  /** Unix second at which it begins. */
  readonly at: number;
  readonly ipv6: boolean;
  readonly name: string;
  readonly quiet: boolean;
}

/** Cast of the attacks: addresses reserved for documentation (RFC 5737, RFC 3849), so that they collide with nobody. */
export const CAST = {
  dropSite: ['203.0.113.77', '2001:db8:77::4d'],
  commandServer: ['203.0.113.60', '2001:db8:60::3c'],
  slowDropSite: ['198.51.100.44', '2001:db8:44::2c'],
  listed: ['198.51.100.23', '2001:db8:23::17'],
  tunnelServer: ['203.0.113.53', '2001:db8:53::35'],
  floodTarget: ['203.0.113.80', '2001:db8:80::50'],
  tunnelEnd: ['192.0.2.140', '2001:db8:140::8c'],
  intruder: ['198.51.100.99', '2001:db8:99::63'],
} as const;

/** Someone of the cast. */
export function cast(stage: Stage, who: keyof typeof CAST): Party {
  const [v4, v6] = CAST[who];
  return outside(who, stage.world.addresses.of(v4), stage.world.addresses.of(v6));
}

/** The host of ours that is broken into. It is one that no deployment replaces. */
export function victim(stage: Stage): Party {
  const { environment } = stage.world;
  return copy(environment.of('batch')[0] ?? environment.of('web')[0]!);
}

/** The same host with ephemeral ports of its own. */
export function copy(party: Party): Party {
  return { ...party, port: 32768 + (((party.port * 7) % 28000) & ~1) };
}

type Act = Omit<Call, 'ipv6' | 'truth'> & {
  /** Whether the truth names the port: not for scans. */
  readonly anyPort?: boolean;
  /** Whether the truth names the other end: not when there are millions. */
  readonly anyPeer?: boolean;
  /** Whom the truth names, where it is not the client. */
  readonly victim?: string;
};

/** A labelled call. */
export function act(stage: Stage, spec: Act): void {
  call(stage.world, stage.random, { ...spec, ipv6: stage.ipv6, truth: label(stage, spec) });
}

/** A labelled long connection. */
export function actStream(stage: Stage, spec: Act & { upPackets: number; downPackets: number }): void {
  stream(stage.world, stage.random, { ...spec, ipv6: stage.ipv6, truth: label(stage, spec) });
}

function label(stage: Stage, spec: Act): number {
  if (stage.quiet) return 0;
  const text = (party: Party): string =>
    stage.world.addresses.text(((stage.ipv6 ? party.v6 : undefined) ?? party.v4).address);
  return stage.world.truth.row({
    attack: stage.name,
    src: spec.victim ?? text(spec.client),
    dst: spec.anyPeer === true ? '' : text(spec.server),
    port: spec.anyPort === true ? undefined : spec.port,
    protocol: spec.protocol ?? 6,
  });
}

/** Calls `each` for `count` events spread evenly over `seconds` from the scenario's beginning on. */
export function spread(
  stage: Stage,
  count: number,
  seconds: number,
  each: (index: number, at: number) => void,
): Source {
  let next = 0;
  const time = (index: number): number => stage.at + (index * seconds) / count;
  return (from) => {
    for (; next < count && time(next) < from + 60; next++) each(next, time(next));
  };
}

/** Calls `each` at the beginning of the scenario and then each time after the seconds it returns, as long as the run goes on. */
export function repeat(stage: Stage, each: (at: number) => number): Source {
  let next = stage.at;
  return (from) => {
    while (next < from + 60) next += each(next);
  };
}
