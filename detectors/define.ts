import type { z } from 'zod';
import type {
  Detector,
  DetectorContext,
  FieldNeeds,
  Guide,
  Interest,
  Phase,
  WindowDemand,
} from '../src/contracts.ts';

/** What a detector folder exports: everything the product needs to know of a detector without running it. */
export interface DetectorModule<Config = unknown> {
  /** Folder name = configuration key = metric label = heading of its page. */
  readonly id: string;
  /** One line for lists. */
  readonly summary: string;
  /** For people who are told of its alerts and have never seen this detector. */
  readonly guide: Guide;
  /** MITRE ATT&CK technique ids of its alerts. */
  readonly attack: readonly string[];
  /** What its findings are a sign of; without it they say nothing of an intruder and corroborate nothing. */
  readonly phase?: Phase;
  readonly fields: FieldNeeds;
  /** Its alerts are about interfaces, accounts or sources by name; without it about addresses. */
  readonly subjects?: 'names';
  /** Seconds of event time without a new finding after which an alert resolves. */
  readonly quietPeriod: number;
  /** Every field has a default and a description. */
  readonly config: z.ZodType<Config>;
  /** Seconds of event time that it only learns; without it it judges from the first record on. */
  learns?(config: Config): number;
  /** What is missing without which it can find nothing, in a few words. */
  lacks?(context: DetectorContext): string | undefined;
  /** Without it, or with windows, it has to see everything. */
  interest?(config: Config): Interest | undefined;
  /** Windows the detector is shown, from its configuration. */
  windows?(config: Config): readonly WindowDemand[];
  create(config: Config, context: DetectorContext): Detector;
}

/** Ties a detector's declaration together; `Config` is inferred from the schema. */
export function defineDetector<Config>(module: DetectorModule<Config>): DetectorModule<Config> {
  return module;
}
