import { join } from 'node:path';
import type { Beside, Memory } from './checkpoint.ts';
import { BufferPool } from './columns/buffer-pool.ts';
import { Dictionary } from './columns/dictionary.ts';
import type { SnapshotParts } from './columns/snapshot.ts';
import type { Config } from './config.ts';
import { connectionOptions, countStrangers } from './connections.ts';
import type { Alert, OutboxChange, Position } from './contracts.ts';
import { CoverageBook } from './coverage.ts';
import { type FeedsInUse, openFeedsInUse } from './feeds-in-use.ts';
import { type Figures, figuresOf } from './figures.ts';
import { createInventoryKeeper, openInventory } from './inventory.ts';
import { endsBy, FEEDS_FOLDER, judgesOf, readContext } from './judges.ts';
import type { RetroCounts } from './live/retro-hunt.ts';
import { takeNewLists } from './new-lists.ts';
import { FIELDS } from './parse/fields.ts';
import type { Stages, Totals } from './pipeline.ts';
import { createAskedNames } from './reference/asked-names.ts';
import { openInterfaceAddresses } from './reference/interface-addresses.ts';
import type { Inventory } from './reference/inventory/inventory.ts';
import { Rollup } from './rollup/rollup.ts';
import { packNames, restoreNames, SAVED } from './saved-state.ts';
import { visible } from './score/alert-book.ts';
import { createMute } from './score/exceptions.ts';
import { Scorer } from './score/scorer.ts';
import { claimDataFolder, eraseDataFolder, type SourceFolder } from './store/data-folder.ts';
import { History } from './store/history/history.ts';
import { deleteSegments } from './store/history/maintenance.ts';
import type { Segment } from './store/history/messages.ts';
import type { HistoryLoss } from './store/history/verify.ts';
import { removeOrphans } from './store/manifest/manifest.ts';
import { createPublisher } from './store/manifest/publisher.ts';
import { removeOtherStateFiles } from './store/state/file.ts';
import { openState } from './store/state/recover.ts';
import type { SegmentChange } from './store/state/state.ts';
import { createUpkeep } from './upkeep.ts';

export interface EngineOptions {
  readonly data: string;
  readonly config: Config;
  /** Connections in open steps up to which closing waits although it could go on. */
  readonly holdFlows: number;
  /** Forget what an earlier run left in the data folder. */
  readonly restart: boolean;
  /** Seconds of event time for which alerts are kept after they resolved; without it for ever. */
  readonly keepAlerts?: number;
  /** Feeds are as the last checkpoint left them, and change by updates; else they are asked now, as they are for a new folder. */
  readonly keepsFeeds?: boolean;
  /** Counted on: contacts of the past. */
  readonly retro?: Pick<RetroCounts, 'told' | 'over_budget'>;
  warn(message: string): void;
  /** The last checkpoint is read: what reads on from it may begin, while detectors are made ready. */
  restored?(from: SourceFolder & Pick<Engine, 'names' | 'pool' | 'positions' | 'ids'>): void;
  /** Files of the history are damaged; they are put aside. */
  lost(loss: HistoryLoss): void;
  /** Whether a checkpoint that is not valid yet was bound before the process that made it ended. */
  wasClaimed?(seq: number, covered: unknown, folder: SourceFolder): Promise<boolean>;
}

const NO_MEMORY: Memory = { ids: new Map(), forget: [] };

/** Everything from a batch of records to a checkpoint, open on one data folder. */
export interface Engine extends AsyncDisposable {
  /** The data folder's own name. */
  readonly instance: string;
  readonly names: Dictionary;
  readonly pool: BufferPool;
  /** Where each partition stood at the checkpoint that this process started from. */
  readonly positions: ReadonlyMap<string, Position>;
  /** Number of the last checkpoint. */
  readonly seq: number;
  /** Ids that were remembered with them. */
  readonly ids: ReadonlyMap<string, ReadonlySet<string>>;
  readonly rollup: Rollup;
  readonly scorer: Scorer;
  /** Undefined where none is configured. */
  readonly inventory: Inventory | undefined;
  readonly stages: Pick<Stages, 'history' | 'rollup' | 'asked'>;
  /** The lists of feeds in use, and what of them is still to be looked for in the history. */
  readonly feeds: Pick<FeedsInUse, 'versions' | 'hunts'>;
  /** Sessions that ended, and those of them neither end of which is internal. */
  readonly counts: { readonly sessions: number; readonly strangers: number };
  /** Files of the history, and bytes of flow records that are on their way into one. */
  historySize(): { readonly files: number; readonly waiting: number };
  /** Seconds of the process's clock since the last checkpoint, or since the start. */
  sinceCheckpoint(): number;
  /** What the delivery of alerts saved, by key. */
  readonly outbox: ReadonlyMap<string, string>;
  /** Makes everything up to now durable; returns the alerts that changed, those of detectors in the shadow left out. */
  checkpoint(totals: Totals, beside?: Beside): Promise<Alert[]>;
  /** Makes what the delivery of alerts has to remember durable, between checkpoints. */
  writeOutbox(changes: readonly OutboxChange[]): Promise<void>;
  /** The alert as it is now, when somebody should see it. */
  alertOf(id: string): Alert | undefined;
  /** Whether there is such an alert, in the shadow or not. */
  hasAlert(id: string): boolean;
  /**
   * Checks a share of the history and, unless told not to, merges small segments, while everything else goes on. What it resolves with makes that part of the
   * history and deletes what is past the retention; it is called right after a checkpoint.
   */
  prepareMaintenance(merges?: boolean): Promise<() => Promise<void>>;
  /** Checks the whole history. */
  verify(): Promise<void>;
  /** All alerts somebody should see, by first sight. */
  alerts(): Alert[];
  /** What holds at the last checkpoint: what came since is read again after a crash, and a counter that goes back counts as one that began anew. */
  readonly figures: Figures;
}

/** Claims the data folder and goes on from its last checkpoint. Throws a UserError when the folder cannot be used. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { config } = options;
  await using cleanup = new AsyncDisposableStack();
  const folder = await claimDataFolder(options.data);
  cleanup.defer(() => folder.release());
  if (options.restart) await eraseDataFolder(folder);
  const { state, loaded, problems } = await openState(
    folder.path,
    async (seq, covered) => (await options.wasClaimed?.(seq, covered, folder)) ?? false,
  );
  cleanup.use(state);
  for (const problem of [...folder.problems, ...problems]) options.warn(problem);
  const segments = (): Segment[] => [...state.contents.segments.values()];
  const { publish } = createPublisher(folder.path);

  const names = new Dictionary();
  const pool = new BufferPool();
  restoreNames(names, loaded.blobs.get(SAVED.names));
  const durable = { positions: loaded.positions, ids: loaded.ids };
  options.restored?.({ instance: folder.instance, scratch: folder.scratch, names, pool, ...durable });
  const history = cleanup.use(
    new History({
      dataDir: folder.path,
      names,
      pool,
      fieldTypes: new Map(FIELDS.map((field) => [field.name, field.type])),
      sequence: loaded.sequence,
    }),
  );
  const feeds = await openFeedsInUse(
    join(folder.path, FEEDS_FOLDER),
    [...config.feeds, ...config.enrichment].map(({ name }) => name),
    loaded.blobs.get(SAVED.feeds),
  );
  const inventory = await openInventory(config, loaded.blobs.get(SAVED.inventory));
  const keepInventory = createInventoryKeeper(folder.path, inventory);
  const addresses = openInterfaceAddresses(loaded.blobs.get(SAVED.addresses), config.network);
  const versions = options.keepsFeeds === true && state.seq > 0 ? feeds.versions : undefined;
  const given = { inventory, addresses, versions };
  const context = await readContext(config, names, folder.path, options.warn, given);
  feeds.use(context.versions);
  const judges = judgesOf(config, context);
  const asked = createAskedNames(loaded.blobs.get(SAVED.asked));
  const endsOf = endsBy(context, inventory, asked);
  const scorer = new Scorer(judges, createMute(config.exceptions), names, {
    endsOf,
    keep: options.keepAlerts,
  });
  scorer.restore(loaded.blobs);
  scorer.book.restore(loaded.alerts);
  const savedPromotions = loaded.blobs.get(SAVED.promotions);
  if (savedPromotions !== undefined) scorer.promotions.restore(savedPromotions);
  const counts = { sessions: 0, strangers: 0 };
  const covered = new CoverageBook(() => rollup.interval);
  const rollup: Rollup = new Rollup(connectionOptions(config, context, judges, options.holdFlows), {
    step(step) {
      inventory?.advance(step.end - 1);
      if (addresses.learn(step)) rollup.rescope();
      asked.advance(step.end - 1);
      counts.sessions += step.ended.length;
      counts.strangers += countStrangers(step.ended);
      history.appendSessions(step.ended);
      covered.step(step);
      scorer.step(step);
    },
    window(window) {
      if (window.size === 60 && window.key === 'subject') history.appendWindows(window);
      scorer.window(window);
    },
    late: (late) => scorer.late(late, rollup.now),
  });
  const saved = loaded.blobs.get(SAVED.rollup);
  if (saved !== undefined) rollup.restore(saved);
  const savedCoverage = loaded.blobs.get(SAVED.coverage);
  if (savedCoverage !== undefined) covered.restore(savedCoverage);
  const newLists = { feeds, rollup, scorer, config, context, counts: options.retro };
  const figuresNow = (): Figures => figuresOf({ config, covered, names, rollup, scorer, asked, addresses });
  let figures = figuresNow();

  const alerts = (): Alert[] => scorer.book.entries().flatMap(visible);
  const publishAll = async (): Promise<void> => {
    const { seq, file = '' } = state;
    const witness = { instance: folder.instance, seq, file };
    await publish(state.contents, { coverage: figures.coverage, witness });
    await removeOtherStateFiles(folder.path, state.file);
  };
  const replace = async (change: SegmentChange): Promise<void> => {
    if (change.added.length + change.removed.length === 0) return;
    await state.replaceSegments(change);
    await publishAll();
    await deleteSegments(folder.path, change.removed);
  };
  const upkeep = cleanup.use(
    createUpkeep({
      path: folder.path,
      segments,
      replace,
      // A merged one would mix what a hunt has to look through with what came later.
      mayMerge: ({ table }) => table !== 'sessions' || feeds.hunts.length === 0,
      retention: config.history.retention,
      newest: () => rollup.now,
      ...{ warn: options.warn, lost: options.lost },
    }),
  );
  // Whoever ended between a commit and its manifest left readers the one before, with files that it alone lists.
  if (state.seq > 0) await publishAll();
  await removeOrphans(folder.path, segments());
  await upkeep.check(segments(), true);
  let checkpointed = performance.now();
  const opened = cleanup.move();
  return {
    instance: folder.instance,
    names,
    pool,
    ...durable,
    get seq() {
      return state.seq;
    },
    rollup,
    scorer,
    inventory,
    stages: {
      asked(answers, lane) {
        asked.add(answers);
        rollup.reach(lane, answers);
      },
      history: {
        appendFlows(batch) {
          covered.count({ records: batch.length });
          return history.appendFlows(batch);
        },
        appendRejects(rejects) {
          covered.count({ rejected: rejects.length });
          history.appendRejects(rejects, rollup.now);
        },
      },
      rollup: {
        add(batch, lane) {
          const late = rollup.add(batch, lane);
          covered.count({ late });
          return late;
        },
      },
    },
    feeds,
    counts,
    historySize: () => ({ files: state.contents.segments.size, waiting: history.waiting }),
    sinceCheckpoint: () => (performance.now() - checkpointed) / 1000,
    outbox: loaded.outbox,
    writeOutbox: (changes) => state.writeOutbox(changes),
    alertOf(id) {
      const entry = scorer.book.get(id);
      return entry === undefined || entry.shadow ? undefined : entry.alert;
    },
    hasAlert: (id) => scorer.book.get(id) !== undefined,
    async checkpoint(totals, { memory = NO_MEMORY, claim, send = () => [], update, hunted } = {}) {
      const added = await history.seal();
      takeNewLists({ update, hunted }, [...segments(), ...added], newLists);
      const blobs = new Map<string, Uint8Array | SnapshotParts>(scorer.snapshots());
      const { promotions } = scorer;
      const parts = { rollup, coverage: covered, promotions, inventory, addresses, feeds, asked };
      for (const [name, part] of Object.entries(parts))
        if (part !== undefined) blobs.set(SAVED[name as keyof typeof parts], part.snapshot());
      blobs.set(SAVED.names, packNames(names));
      const taken = figuresNow();
      const entries = scorer.book.takeChanged();
      const alerts = entries.flatMap(visible);
      const forgotten = scorer.book.takeForgotten();
      const { positions } = totals;
      const input = { ...memory, positions, blobs, alerts: entries, forgotten, added, removed: [] };
      // Taken over and asked for at once: another transaction of the outbox comes before both or after both.
      await state.checkpoint({ ...input, outbox: send(alerts) }, claim);
      figures = taken;
      await publishAll();
      await feeds.settle();
      await keepInventory();
      checkpointed = performance.now();
      return alerts;
    },
    verify: () => upkeep.check(segments()),
    prepareMaintenance: upkeep.prepare,
    alerts,
    get figures() {
      return figures;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
