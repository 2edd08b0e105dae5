import { crc32 } from 'node:zlib';
import type { Coverage } from '../../contracts.ts';
import { replaceFile } from '../replace-file.ts';
import { type Contents, tablesOf } from '../state/contents.ts';
import { MANIFEST, type PublishedManifest, type Witnessed } from './manifest.ts';
import { changesOf, listParts, type ManifestPart, removePart, writePart } from './parts.ts';

/** Changed entries that the manifest has in itself; more of them become a part. */
const INLINE = 2000;

/** Publishes what a data folder consists of, for as long as one process holds the folder. */
export interface Publisher {
  /** Replaces the published manifest: readers see the old one or the new one, never a part. One call after the other. */
  publish(contents: Contents, rest: { coverage?: Coverage; witness?: Witnessed }): Promise<void>;
}

/**
 * A checkpoint costs what it changed: the manifest has the newest changes and names parts with those before, and when the parts have twice
 * what there is, one with everything takes their place. `inline`: changed entries that the manifest has in itself.
 */
export function createPublisher(dataDir: string, inline = INLINE): Publisher {
  let parts: readonly ManifestPart[] = [];
  /** Whether parts and changes together are everything: not for a new process, nor when a part could not be written. */
  let isKnown = false;
  let next = 0;
  let before: readonly string[] | undefined;

  const update = async (contents: Contents): Promise<boolean> => {
    const tables = tablesOf(contents).map(([, table]) => table);
    const size = tables.reduce((sum, table) => sum + table.size, 0);
    const changed = tables.reduce((sum, table) => sum + table.changed, 0);
    if (!isKnown && size <= inline) {
      parts = [];
      // The next manifest is whole again: nobody needs to know of what is gone by then.
      for (const table of tables) table.settle();
      return true;
    }
    const written = parts.reduce((sum, { entries }) => sum + entries, 0);
    const isWhole = !isKnown || written + changed > 2 * size + inline;
    if (!isWhole && changed <= inline) return false;
    isKnown = false;
    const name = `${String(++next).padStart(12, '0')}.jsonl`;
    const part = await writePart(dataDir, name, contents, isWhole);
    parts = isWhole ? [part] : [...parts, part];
    isKnown = true;
    return false;
  };

  return {
    async publish(contents, rest) {
      if (before === undefined) {
        before = await listParts(dataDir);
        next = before.reduce((last, name) => Math.max(last, Number.parseInt(name, 10) || 0), 0);
      }
      const isWhole = await update(contents);
      const manifest: PublishedManifest = { parts, changes: changesOf(contents, isWhole), ...rest };
      const body = JSON.stringify(manifest);
      await replaceFile(dataDir, MANIFEST, `{"crc32":${crc32(body)},${body.slice(1)}`);
      const named = parts.map(({ name }) => name);
      const kept = new Set(named);
      for (const name of before) if (!kept.has(name)) await removePart(dataDir, name);
      before = named;
    },
  };
}
