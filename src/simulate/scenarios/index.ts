import type { Internet } from '../internet.ts';
import type { Source, World } from '../world.ts';

/** A labelled story on top of the base traffic. */
export interface ScenarioSummary {
  readonly name: string;
  readonly summary: string;
  /** MITRE ATT&CK technique ids; none for quiet ones. */
  readonly attack: readonly string[];
  /** True when no detector may raise an alert on it. */
  readonly quiet: boolean;
}

export const SCENARIOS: readonly ScenarioSummary[] = [];

/** Sources of the named scenarios. */
export function openScenarios(_world: World, _internet: Internet, _names: readonly string[]): Source[] {
  return [];
}
