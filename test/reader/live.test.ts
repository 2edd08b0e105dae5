import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/columns/buffer-pool.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { parseConfig } from '../../src/config.ts';
import type { Position } from '../../src/contracts.ts';
import { type LiveOptions, type LiveReader, openLiveReader } from '../../src/reader/live.ts';
import { scanLog, temporaryFolder } from '../cli/run.ts';

function readerOf(folder: string): LiveReader {
  const { sources } = parseConfig(
    `sources:\n  - {type: file, name: f, paths: ['${folder}'], interval: 0.05}\n`,
    'test',
  );
  return openLiveReader(sources);
}

function optionsAt(positions: ReadonlyMap<string, Position>): LiveOptions {
  return {
    ...{ instance: 'x', scratch: '', positions, ids: new Map(), batchRows: 1024 },
    ...{ names: new Dictionary(), pool: new BufferPool() },
    ...{ onLanes() {}, onCaughtUp() {}, onFlush() {}, onForget() {}, onLost() {}, log() {} },
  };
}

describe('the reading thread', () => {
  it('reads from where it is told to begin, however long it waited for that', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.log'), scanLog());
    await using reader = readerOf(folder);
    // Its modules are loaded by then.
    await new Promise((resolve) => setTimeout(resolve, 500));
    reader.begin(optionsAt(new Map()));
    let received = 0;
    for await (const part of reader.parts()) {
      received += part?.received ?? 0;
      part?.release();
      if (received === 60) reader.stop();
    }
    expect(received).toBe(60);
  });

  it('says how many bytes of records wait to be taken', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.log'), scanLog());
    await using reader = readerOf(folder);
    expect(reader.waiting).toBe(0);
    reader.begin(optionsAt(new Map()));
    while (reader.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const { waiting } = reader;
    for await (const part of reader.parts()) {
      if (part?.batch === undefined) continue;
      const { batch } = part;
      expect(waiting).toBe(batch.length * (batch.buffer.byteLength / batch.capacity));
      break;
    }
    expect(reader.waiting).toBe(0);
  });

  it('heeds what it is told together with where to begin', async () => {
    await using reader = readerOf(temporaryFolder());
    reader.begin(optionsAt(new Map()));
    reader.stop();
    for await (const part of reader.parts()) expect(part).toBeUndefined();
  });

  it('binds nothing once it has ended', async () => {
    const reader = readerOf(temporaryFolder());
    reader.begin(optionsAt(new Map()));
    await reader[Symbol.asyncDispose]();
    const claim = reader.claim(7, new Map());
    await expect(claim).rejects.toThrow('cannot bind what was read: the reading thread ended early');
  });

  it('ends when it is closed before it began, and when it is closed twice', async () => {
    const reader = readerOf(temporaryFolder());
    await reader[Symbol.asyncDispose]();
    await reader[Symbol.asyncDispose]();
    await using other = readerOf(temporaryFolder());
    other.begin(optionsAt(new Map()));
    await other[Symbol.asyncDispose]();
  });
});
