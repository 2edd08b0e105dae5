/** Most files read side by side. */
const MAX_OPEN = 32;

/** A file whose records are pulled part by part; `next` gives the newest event time of the part (0 = unknown), undefined at the end. */
export interface TimedSource {
  readonly first: number;
  next(): Promise<number | undefined>;
}

/**
 * Pulls from many sources so that their event times advance together: always from the one that lags, opening a source when the others
 * have reached its first time. What comes out is a function of the data alone.
 */
export async function pullInOrder(sources: readonly TimedSource[]): Promise<void> {
  const waiting = sources.map((source, index) => ({ source, index }));
  waiting.sort((a, b) => a.source.first - b.source.first || a.index - b.index);
  const open: { source: TimedSource; index: number; frontier: number }[] = [];
  while (waiting.length > 0 || open.length > 0) {
    let lagging = open[0];
    for (const candidate of open) {
      if (
        lagging === undefined ||
        candidate.frontier < lagging.frontier ||
        (candidate.frontier === lagging.frontier && candidate.index < lagging.index)
      )
        lagging = candidate;
    }
    const next = waiting[0];
    if (
      next !== undefined &&
      open.length < MAX_OPEN &&
      (lagging === undefined || next.source.first <= lagging.frontier)
    ) {
      waiting.shift();
      open.push({ ...next, frontier: next.source.first });
      continue;
    }
    if (lagging === undefined) continue;
    const newest = await lagging.source.next();
    if (newest === undefined) open.splice(open.indexOf(lagging), 1);
    else if (newest > lagging.frontier) lagging.frontier = newest;
  }
}
