import type { ReplayProgress } from './app.ts';
import { Dictionary } from './columns/dictionary.ts';
import type { Config } from './config.ts';
import { connectionOptions } from './connections.ts';
import type { Alert, Learnt } from './contracts.ts';
import { UserError } from './errors.ts';
import { bytesOf, timesOf } from './history-times.ts';
import { openInventory } from './inventory.ts';
import { endsBy, judgesOf, onlyThese, readContext } from './judges.ts';
import { openInterfaceAddresses } from './reference/interface-addresses.ts';
import { createInventory } from './reference/inventory/inventory.ts';
import { closedUntil } from './rollup/closed-until.ts';
import { Rollup } from './rollup/rollup.ts';
import { packNames, restoreNames, SAVED, savedStates } from './saved-state.ts';
import { createMute } from './score/exceptions.ts';
import { Scorer } from './score/scorer.ts';
import { claimDataFolder } from './store/data-folder.ts';
import { readSteadily } from './store/flows/history-moved.ts';
import { readFlows } from './store/flows/reader.ts';
import { readManifest } from './store/manifest/manifest.ts';
import { createPublisher } from './store/manifest/publisher.ts';
import { openState } from './store/state/recover.ts';
import { NO_CHANGE } from './store/state/state.ts';

export interface BaselineOptions {
  readonly data: string;
  readonly config: Config;
  /** Ids of those that learn anew. */
  readonly detectors: readonly string[];
  /** Unix seconds of event time from which they learn; without it from the oldest record on. */
  readonly from: number | undefined;
  readonly warn: (message: string) => void;
  readonly onProgress: (progress: ReplayProgress) => void;
}

export interface BaselineBuilt {
  readonly detectors: readonly string[];
  /** Unix seconds, [from, to). */
  readonly from: number;
  readonly to: number;
  readonly records: number;
  readonly seconds: number;
  /** What they would have told meanwhile: it is part of what they take for normal now, or will not be told anew. */
  readonly alerts: readonly Alert[];
}

/**
 * Has detectors learn anew from the stored history, through the rollup and the code that run live, and puts what they know then into the
 * state that the next start reads. They learn up to the step that the service has closed, so that it goes on without a gap or a repeat.
 * All else of the state stays. Throws a UserError while a process holds the data folder, and when there is nothing to learn from.
 */
export async function buildBaseline(options: BaselineOptions): Promise<BaselineBuilt> {
  const began = performance.now();
  const { data, config, detectors, warn } = options;
  await using cleanup = new AsyncDisposableStack();
  const folder = await claimDataFolder(data);
  cleanup.defer(() => folder.release());
  const { state, loaded, problems } = await openState(folder.path, () => {
    throw new UserError(
      `cannot build a baseline in ${data}: a checkpoint was cut off while it changed hands; start the service once`,
    );
  });
  cleanup.use(state);
  for (const problem of [...folder.problems, ...problems]) warn(problem);
  const manifest = await readManifest(folder.path);
  const saved = loaded.blobs.get(SAVED.rollup);
  const to = saved === undefined ? 0 : closedUntil(saved);
  const times = timesOf(loaded.segments, manifest?.coverage);
  const from = options.from ?? (times === undefined ? 0 : times.first - (times.first % 60));
  if (times === undefined || manifest?.witness === undefined || from >= to)
    throw new UserError(
      `cannot build a baseline in ${data}: no closed minute of its history is left to learn from`,
    );

  const names = new Dictionary();
  restoreNames(names, loaded.blobs.get(SAVED.names));
  const known = await openInventory(config, loaded.blobs.get(SAVED.inventory));
  // One of its own: its time begins again with the history.
  const inventory = known && createInventory(known.parts);
  const learning = onlyThese(config, detectors);
  const addresses = openInterfaceAddresses(loaded.blobs.get(SAVED.addresses), config.network);
  const context = await readContext(learning, names, folder.path, warn, {
    inventory,
    addresses,
    offline: true,
  });
  const judges = judgesOf(learning, context);
  const scorer = new Scorer(judges, createMute(config.exceptions), names, {
    endsOf: endsBy(context, inventory),
  });
  // Records come in order of time.
  const ingest = { ...config.ingest, lateness: 0 };
  const rollup = new Rollup(connectionOptions({ ...config, ingest }, context, judges, 0), {
    step(step) {
      if (step.end > to) return;
      inventory?.advance(step.end - 1);
      scorer.step(step);
    },
    // Those that are open go on with what the service has of them.
    window(window) {
      if (window.start + window.size <= to) scorer.window(window);
    },
    late() {},
  });
  const totalBytes = bytesOf(loaded.segments, from, to);
  let records = 0;
  for await (const batch of readFlows({ dataDir: folder.path, segments: loaded.segments, from, to, names })) {
    rollup.add(batch);
    records += batch.length;
    const progress = Math.min(1, (batch.end[batch.length - 1]! - from) / (to - from));
    options.onProgress({
      ...{ readBytes: progress * totalBytes, totalBytes, records },
      seconds: (performance.now() - began) / 1000,
      alerts: scorer.book.size,
    });
  }
  rollup.finish();
  for (const [id, message] of Object.entries(scorer.failures()))
    throw new UserError(`cannot build a baseline: ${id} failed: ${message}; nothing was changed`);

  const blobs = new Map([...loaded.blobs, ...scorer.snapshots()]);
  blobs.set(SAVED.names, packNames(names));
  await state.checkpoint({ ...NO_CHANGE, blobs });
  const { seq, file = '' } = state;
  const { coverage, witness } = manifest;
  await createPublisher(folder.path).publish(state.contents, {
    ...(coverage && { coverage }),
    witness: { ...witness, seq, file },
  });
  return {
    detectors,
    from,
    to,
    records,
    seconds: (performance.now() - began) / 1000,
    alerts: scorer.book.entries().map(({ alert }) => alert),
  };
}

/** What one detector has learnt. */
export interface Baseline {
  readonly detector: string;
  /** Bytes of its saved state; 0 when it has none. */
  readonly bytes: number;
  readonly learnt: readonly Learnt[];
}

/** What detectors have learnt, as of the last checkpoint; reads only, also beside a running service. Throws a UserError where there is nothing. */
export async function readBaselines(
  config: Config,
  data: string,
  warn: (message: string) => void,
): Promise<Baseline[]> {
  const { blobs, now } = await readSteadily(async () => {
    const manifest = await readManifest(data);
    if (manifest?.witness === undefined)
      throw new UserError(`cannot read ${data}: nothing was ever stored there`);
    return { blobs: await savedStates(data, manifest), now: manifest.coverage?.to ?? 0 };
  });
  const names = new Dictionary();
  restoreNames(names, blobs.get(SAVED.names));
  const inventory = await openInventory(config, blobs.get(SAVED.inventory));
  const addresses = openInterfaceAddresses(blobs.get(SAVED.addresses), config.network);
  const context = await readContext(config, names, data, warn, { inventory, addresses, offline: true });
  return judgesOf(config, context).map(({ detector, instance }): Baseline => {
    const saved = blobs.get(detector);
    if (saved === undefined) return { detector, bytes: 0, learnt: [] };
    instance.restore(saved);
    return { detector, bytes: saved.length, learnt: instance.learnt?.(now) ?? [] };
  });
}
