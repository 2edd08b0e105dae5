import type { ReplayProgress } from './app.ts';
import { Dictionary } from './columns/dictionary.ts';
import type { Config } from './config.ts';
import { connectionOptions } from './connections.ts';
import type { Alert, DetectorContext } from './contracts.ts';
import { UserError } from './errors.ts';
import { bytesOf, timesOf } from './history-times.ts';
import { choiceOf, createChosenFlows } from './interest.ts';
import { keptInventory, openInventory } from './inventory.ts';
import { endsBy, judgesOf, type Knowledge, onlyThese, readContext, withThese } from './judges.ts';
import { openInterfaceAddresses } from './reference/interface-addresses.ts';
import type { Inventory } from './reference/inventory/inventory.ts';
import { Rollup } from './rollup/rollup.ts';
import { SAVED, savedStates } from './saved-state.ts';
import { createMute } from './score/exceptions.ts';
import type { Opening } from './score/openings.ts';
import { type Judge, Scorer } from './score/scorer.ts';
import { readSteadily } from './store/flows/history-moved.ts';
import { readFlows } from './store/flows/reader.ts';
import { type Manifest, readManifest } from './store/manifest/manifest.ts';

export interface BacktestOptions {
  readonly data: string;
  /** What runs; of its detectors those in `detectors` are tried, whatever their mode. */
  readonly config: Config;
  /** What is tried instead; undefined: what runs. */
  readonly changed: Config | undefined;
  readonly detectors: readonly string[];
  /** Unix seconds of event time, [from, to); without them all that the history has. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Seconds before `from` from which on detectors learn; without it as long as they say they need. */
  readonly warmUp: number | undefined;
  /** Reads all flows where those that the detectors look at are enough: it finds the same, slower. */
  readonly whole?: boolean;
  readonly warn: (message: string) => void;
  readonly onProgress: (progress: ReplayProgress) => void;
}

/** What a configuration found in the span. */
export interface Found {
  /** Seen in the span, by first sight. */
  readonly alerts: readonly Alert[];
  /** When they began to fire, within the span. */
  readonly openings: readonly Opening[];
  /** Detectors that failed, with their last message. */
  readonly failures: Readonly<Record<string, string>>;
}

export interface Backtest {
  readonly detectors: readonly string[];
  /** Unix seconds. */
  readonly from: number;
  readonly to: number;
  /** Seconds before `from` that were read to learn from, and those that detectors ask for. */
  readonly warmUp: number;
  readonly wantedWarmUp: number;
  readonly records: number;
  readonly seconds: number;
  readonly tried: Found;
  /** What the running parameters find in the same records; undefined when they are what was tried. */
  readonly running: Found | undefined;
  /** Alerts of these detectors that the data folder has in the span, shadowed ones too. */
  readonly stored: readonly Alert[];
}

/**
 * Judges stored records once more, through the rollup and the detectors that run live, with other parameters or the same. Reads a data
 * folder only, so it runs beside a service. Throws a UserError when there is nothing to read.
 */
export async function backtest(options: BacktestOptions): Promise<Backtest> {
  return readSteadily(() => judgeAgain(options));
}

async function judgeAgain(options: BacktestOptions): Promise<Backtest> {
  const began = performance.now();
  const { data, config, changed, detectors, warn } = options;
  const manifest = await readManifest(data);
  if (manifest === undefined) throw new UserError(`cannot read ${data}: nothing was ever stored there`);
  const { from, to, first } = spanOf(manifest, options);
  const names = new Dictionary();
  const inventory = await openInventory(config, await keptInventory(data));
  const saved = await savedStates(data, manifest);
  const addresses = openInterfaceAddresses(saved.get(SAVED.addresses), config.network);
  const context = await readContext(config, names, data, warn, { inventory, addresses, offline: true });
  const candidates = [changed ?? config, ...(changed === undefined ? [] : [config])].map((each) => ({
    config: each,
    judges: judgesFor(each, detectors, context),
  }));
  const judges = candidates.flatMap((candidate) => candidate.judges);
  for (const { detector, lacks } of new Map(judges.map((judge) => [judge.detector, judge])).values())
    if (lacks?.() !== undefined) warn(`${detector} can find nothing: ${lacks()}`);
  const wantedWarmUp = Math.max(0, ...judges.map(({ learns = 0 }) => learns));
  const start = Math.max(Math.min(first, from), from - (options.warmUp ?? wantedWarmUp));

  const endsOf = endsBy(context, inventory);
  const runs = candidates.map(({ judges, config }): Run => {
    const openings: Opening[] = [];
    const onOpening = (opening: Opening): void => {
      if (detectors.includes(scorer.book.get(opening.id)!.alert.detector)) openings.push(opening);
    };
    const scorer: Scorer = new Scorer(judges, createMute(config.exceptions), names, { endsOf, onOpening });
    return { scorer, openings };
  });
  const interests = judges.map(({ interest }) => interest);
  const choice = options.whole === true ? undefined : choiceOf(interests, context);
  const rollup = openRollup(config, context, judges, runs, inventory, choice !== undefined);
  const chosen = choice && createChosenFlows(rollup);
  const totalBytes = bytesOf(manifest.segments, start, to);
  let records = 0;
  for await (const batch of readFlows({
    dataDir: data,
    segments: manifest.segments,
    from: start,
    to,
    names,
    only: choice && { choice, minutes: (next) => chosen?.minutes(next) },
  })) {
    (chosen ?? rollup).add(batch);
    records = chosen?.records ?? records + batch.length;
    const progress = Math.min(1, (batch.end[batch.length - 1]! - start) / (to - start));
    options.onProgress({
      ...{ readBytes: progress * totalBytes, totalBytes, records },
      seconds: (performance.now() - began) / 1000,
      alerts: runs[0]!.scorer.book.size,
    });
  }
  chosen?.end();
  rollup.finish();
  const [tried, running] = runs.map((run) => foundBy(run, detectors, from, to));
  return {
    detectors,
    from,
    to,
    warmUp: from - start,
    wantedWarmUp,
    records: chosen?.records ?? records,
    seconds: (performance.now() - began) / 1000,
    tried: tried!,
    running,
    stored: storedAlerts(manifest).filter(
      (alert) => detectors.includes(alert.detector) && isSeen(alert, from, to),
    ),
  };
}

/** These detectors, and what they need: one that judges what the others find has to have those that run beside it. */
function judgesFor(config: Config, detectors: readonly string[], context: DetectorContext): Judge[] {
  const only = judgesOf(onlyThese(config, detectors), context);
  return only.some(({ instance }) => instance.signs !== undefined)
    ? judgesOf(withThese(config, detectors), context)
    : only;
}

/** The span that is judged, and the time of the oldest records there are. */
function spanOf(
  { segments, coverage }: Manifest,
  options: BacktestOptions,
): { from: number; to: number; first: number } {
  const times = timesOf(segments, coverage);
  if (times === undefined) throw new UserError(`cannot test on ${options.data}: its history has no records`);
  const { first, last, oldest, newest } = times;
  const from = options.from ?? first - (first % 60);
  const to = options.to ?? last + 1;
  if (from >= to || from > newest || to <= oldest) {
    const iso = (time: number): string => new Date(time * 1000).toISOString();
    throw new UserError(
      `cannot test from ${iso(from)} to ${iso(to)}: the history has records from ${iso(first)} to ${iso(last)}`,
    );
  }
  return { from, to, first };
}

interface Run {
  readonly scorer: Scorer;
  /** What began to fire so far. */
  readonly openings: readonly Opening[];
}

function foundBy({ scorer, openings }: Run, detectors: readonly string[], from: number, to: number): Found {
  const alerts = scorer.book.entries().map(({ alert }) => alert);
  return {
    alerts: alerts.filter((alert) => detectors.includes(alert.detector) && isSeen(alert, from, to)),
    openings: openings.filter(({ at }) => at >= from),
    failures: scorer.failures(),
  };
}

function openRollup(
  config: Config,
  context: Knowledge,
  judges: readonly Judge[],
  runs: readonly Run[],
  inventory: Inventory | undefined,
  isToldCounts: boolean,
): Rollup {
  const output = {
    step: (step: Parameters<Scorer['step']>[0]) => {
      inventory?.advance(step.end - 1);
      for (const { scorer } of runs) scorer.step(step);
    },
    window: (window: Parameters<Scorer['window']>[0]) => {
      for (const { scorer } of runs) scorer.window(window);
    },
    // Records come in order of time: none is late, also one that was when it arrived.
    late: () => {},
  };
  try {
    return new Rollup({ ...connectionOptions(config, context, judges, 0), isToldCounts }, output);
  } catch (error) {
    if (error instanceof RangeError)
      throw new UserError(`cannot try these parameters beside the running ones: ${error.message}`);
    throw error;
  }
}

function storedAlerts({ alerts, witness }: Manifest): Alert[] {
  return [...alerts, ...(witness?.shadowed ?? []).map(({ alert }) => alert)];
}

function isSeen({ firstSeen, lastSeen }: Alert, from: number, to: number): boolean {
  return Date.parse(lastSeen) >= from * 1000 && Date.parse(firstSeen) < to * 1000;
}
