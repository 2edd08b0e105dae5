import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeDurable } from '../history/segment-file.ts';
import { apply, type Changes, type Contents, tablesOf } from '../state/contents.ts';

/** Where a manifest's parts lie. */
export const PARTS_FOLDER = 'manifest';
/** Entries of one line. */
const LINE = 500;

/** A file of entries that never changes, as a manifest names it. Of two parts with one key the later one counts. */
export interface ManifestPart {
  readonly name: string;
  readonly entries: number;
  readonly crc32: number;
}

/** All entries, or those that changed, in pieces that are each quickly put into JSON. */
function* piecesOf(contents: Contents, isWhole: boolean): Generator<{ changes: Changes; entries: number }> {
  for (const [name, table] of tablesOf(contents)) {
    let piece: unknown[] = [];
    for (const entry of isWhole ? table.entries() : table.changes()) {
      if (piece.push(entry) < LINE) continue;
      yield { changes: { [name]: piece }, entries: piece.length };
      piece = [];
    }
    if (piece.length > 0) yield { changes: { [name]: piece }, entries: piece.length };
  }
}

/** All entries, or those that changed, at once: for few of them. */
export function changesOf(contents: Contents, isWhole: boolean): Changes {
  return Object.fromEntries(
    tablesOf(contents).map(([name, table]) => [name, [...(isWhole ? table.entries() : table.changes())]]),
  );
}

/**
 * Writes a part and makes it durable, line by line, so that other work goes on meanwhile. What changes meanwhile may be in it as it was or as it
 * is, and counts as changed from then on.
 */
export async function writePart(
  dataDir: string,
  name: string,
  contents: Contents,
  isWhole: boolean,
): Promise<ManifestPart> {
  const folder = join(dataDir, PARTS_FOLDER);
  await mkdir(folder, { recursive: true });
  // Of the changes a copy: what changes meanwhile begins the next ones.
  const pieces = isWhole ? piecesOf(contents, true) : [...piecesOf(contents, false)];
  for (const [, table] of tablesOf(contents)) table.settle();
  const file = await open(join(folder, name), 'w');
  let checksum = 0;
  let entries = 0;
  try {
    for (const piece of pieces) {
      const line = Buffer.from(`${JSON.stringify(piece.changes)}\n`);
      checksum = crc32(line, checksum);
      entries += piece.entries;
      await file.writeFile(line);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await makeDurable(folder);
  return { name, entries, crc32: checksum };
}

/** Adds what a part has. Throws a SyntaxError when it is damaged. */
export async function readPart(dataDir: string, part: ManifestPart, contents: Contents): Promise<void> {
  const bytes = await readFile(join(dataDir, PARTS_FOLDER, part.name));
  if (crc32(bytes) !== part.crc32) throw new SyntaxError(`the checksum of its part ${part.name} is wrong`);
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from);
    apply(contents, JSON.parse(bytes.toString('utf8', from, end)) as Changes);
    from = end + 1;
  }
}

/** The names of all parts that are there. */
export async function listParts(dataDir: string): Promise<string[]> {
  return readdir(join(dataDir, PARTS_FOLDER)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

export async function removePart(dataDir: string, name: string): Promise<void> {
  await rm(join(dataDir, PARTS_FOLDER, name), { force: true });
}
