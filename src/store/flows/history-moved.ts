import { UserError } from '../../errors.ts';
import type { Segment } from '../history/messages.ts';
import { readManifest } from '../manifest/manifest.ts';

/** Times that whoever reads the history begins anew when it changes meanwhile: it does so minutes apart. */
const ATTEMPTS = 3;

/** Files that were to be read are no part of the history any more: merged or dropped since. */
export class HistoryMoved extends UserError {
  constructor() {
    super('cannot read the history: it changes faster than it can be read; try again');
    this.name = 'HistoryMoved';
  }
}

/** The error, or a {@link HistoryMoved} when the manifest does not list all of the segments any more: a file may be gone or cut short then. */
export async function movedOr(
  error: unknown,
  dataDir: string,
  segments: readonly Segment[],
): Promise<unknown> {
  const listed = new Set((await readManifest(dataDir))?.segments.map(({ path }) => path));
  return segments.every(({ path }) => listed.has(path)) ? error : new HistoryMoved();
}

/** Reads once more, from the manifest on, when the history changed meanwhile. */
export async function readSteadily<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof HistoryMoved) || attempt === ATTEMPTS) throw error;
    }
  }
}
