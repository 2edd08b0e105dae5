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
