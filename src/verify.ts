import { defaultConfig } from './config.ts';
import { openEngine } from './engine.ts';
import { UserError } from './errors.ts';
import { findDamaged, type HistoryLoss, lossOf } from './store/history/verify.ts';
import { readManifest } from './store/manifest/manifest.ts';

export interface Verified {
  readonly files: number;
  readonly bytes: number;
  /** Files of before there were checksums: only their length was compared. */
  readonly unchecked: number;
  readonly loss: HistoryLoss | undefined;
}

/**
 * Compares every file of a data folder's history with what was written. `putAside` takes damaged ones out of the history, for which no other
 * process may hold the folder. Throws a UserError when there is no history or its manifest is damaged.
 */
export async function verifyHistory(
  data: string,
  putAside: boolean,
  warn: (message: string) => void,
): Promise<Verified> {
  const manifest = await readManifest(data);
  if (manifest === undefined) throw new UserError(`cannot verify ${data}: nothing was ever stored there`);
  const { segments } = manifest;
  const counts = {
    files: segments.length,
    bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
    unchecked: segments.filter(({ checksums }) => checksums === undefined).length,
  };
  const damaged = await findDamaged(data, segments);
  if (damaged.length === 0 || !putAside)
    return { ...counts, loss: damaged.length === 0 ? undefined : lossOf(damaged) };
  const losses: HistoryLoss[] = [];
  await using engine = await openEngine({
    ...{ data, config: defaultConfig(), holdFlows: 0, restart: false, warn },
    lost: (loss) => losses.push(loss),
  });
  await engine.verify();
  return { ...counts, loss: losses[0] };
}
