import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { SnapshotParts } from '../../columns/snapshot.ts';
import { makeDurable } from '../history/segment-file.ts';

export const STATE_FOLDER = 'state';
const PAD = 8;
/** Bytes put together for one write. */
const CHUNK = 1 << 20;

/**
 * Writes saved states, by name, into a file of their own and makes it durable; returns its name. They can be hundreds of megabytes after a
 * storm, which a database would hold in memory several times over; a checkpoint names the file, and it never changes. Layout: length of
 * the header (8 bytes, little-endian), header (JSON list of names, lengths and CRC-32s), the states one after the other, each padded to 8 bytes.
 */
export async function writeStateFile(
  dataDir: string,
  seq: number,
  blobs: ReadonlyMap<string, Uint8Array | SnapshotParts>,
): Promise<string> {
  const folder = join(dataDir, STATE_FOLDER);
  await mkdir(folder, { recursive: true });
  const name = `${String(seq).padStart(12, '0')}.bin`;
  const file = await open(join(folder, name), 'w');
  try {
    const header = Buffer.from(
      JSON.stringify([...blobs].map(([blob, saved]) => [blob, saved.byteLength, checksumOf(saved)])),
      'utf8',
    );
    const length = Buffer.alloc(PAD);
    length.writeBigUInt64LE(BigInt(header.length));
    await file.writeFile(inChunks([length, header, ...blobs.values()]));
    await file.sync();
  } finally {
    await file.close();
  }
  await makeDurable(folder);
  return name;
}

function partsOf(saved: Uint8Array | SnapshotParts): readonly Uint8Array[] {
  return 'parts' in saved ? saved.parts : [saved];
}

function checksumOf(saved: Uint8Array | SnapshotParts): number {
  let checksum = 0;
  for (const part of partsOf(saved)) checksum = crc32(part, checksum);
  return checksum;
}

/** The states, each padded, in pieces worth a system call: small parts are put together. */
function* inChunks(states: readonly (Uint8Array | SnapshotParts)[]): Generator<Uint8Array> {
  const chunk = Buffer.alloc(CHUNK);
  let used = 0;
  for (const saved of states)
    for (const part of [...partsOf(saved), Buffer.alloc(padding(saved.byteLength))]) {
      if (used + part.length > CHUNK) {
        yield chunk.subarray(0, used);
        used = 0;
      }
      if (part.length > CHUNK) yield part;
      else {
        chunk.set(part, used);
        used += part.length;
      }
    }
  yield chunk.subarray(0, used);
}

/** The saved states of a file. Throws when it is not whole. */
export async function readStateFile(dataDir: string, name: string): Promise<Map<string, Uint8Array>> {
  const bytes = await readFile(join(dataDir, STATE_FOLDER, name));
  const headerLength = Number(bytes.readBigUInt64LE());
  const entries = JSON.parse(bytes.toString('utf8', PAD, PAD + headerLength)) as [string, number, number?][];
  const blobs = new Map<string, Uint8Array>();
  let at = PAD + headerLength + padding(headerLength);
  for (const [blob, length, sum] of entries) {
    if (at + length > bytes.length) throw new RangeError(`cannot read state ${name}: ${blob} is cut short`);
    const content = new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
    if (sum !== undefined && crc32(content) !== sum)
      throw new RangeError(`cannot read state ${name}: the checksum of ${blob} is wrong`);
    blobs.set(blob, content);
    at += length + padding(length);
  }
  return blobs;
}

/** Removes every state file but the one that the last checkpoint names. */
export async function removeOtherStateFiles(dataDir: string, kept: string | undefined): Promise<void> {
  const folder = join(dataDir, STATE_FOLDER);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch {
    return;
  }
  for (const name of names) if (name !== kept) await rm(join(folder, name));
}

function padding(length: number): number {
  return (PAD - (length % PAD)) % PAD;
}
