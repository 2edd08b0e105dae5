import type { Covered } from '../ingest/source.ts';
import { SourceFailure } from '../reader/live.ts';
import { createSource } from '../reader/sources.ts';
import type { SourceFolder } from '../store/data-folder.ts';
import type { LifeOptions } from './life.ts';

/** What a checkpoint covers, by source. */
export type CoveredEntries = readonly (readonly [source: string, covered: readonly Covered[]])[];

/** Whether a checkpoint that is not valid yet was bound before the process that made it ended: asks the sources, before they read. */
export async function wasClaimed(
  { config, log, signal }: Pick<LifeOptions, 'config' | 'log' | 'signal'>,
  { instance, scratch }: SourceFolder,
  seq: number,
  entries: CoveredEntries,
): Promise<boolean> {
  for (const [name, covered] of entries) {
    const options = config.sources.find((source) => source.name === name);
    if (options === undefined) return false;
    const nothing = { instance, scratch, positions: new Map(), ids: new Map() };
    const source = await createSource(options, nothing, {
      ...{ lanes() {}, caughtUp() {}, flush() {}, forget() {}, lost() {} },
      log: (level, message, details = {}) => log(level, message, details),
    });
    try {
      if ((await source.wasClaimed?.(seq, covered, signal)) !== true) return false;
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new SourceFailure('stopped before it was known what was bound', { cause: error });
    } finally {
      await source.close();
    }
  }
  return true;
}
