import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../src/contracts.ts';
import type { Covered, Delivery, Resume, Source, SourceEvents } from '../../src/ingest/source.ts';
import { Random } from '../../src/simulate/random.ts';
import { logLine, temporaryFolder } from '../cli/run.ts';

/** A place of its own that one source reads, and the other side of it. */
export interface SourceRig {
  /** Makes records available, as whole lines; those of one call may come as one delivery. */
  put(lines: readonly string[]): Promise<void>;
  open(resume: Resume, events: SourceEvents): Source | Promise<Source>;
}

export interface SourceContract {
  create(name: string): Promise<SourceRig>;
  /** Records of one `put`, and how many of them make many deliveries. */
  readonly putSize: number;
  readonly puts: number;
  /**
   * Bytes it may read before somebody asks for the second delivery, far less than all there is. Absent where the other side pushes, and
   * decides how much is on its way.
   */
  readonly readAhead?: number;
}

/** Lives of a source that is stopped again and again. */
const LIVES = 6;

/** Distinct records, in order. */
export function records(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i;
    return logLine(`10.0.${(n >> 8) & 255}.${n & 255}`, '10.1.2.9', 1024 + (n % 60_000), 'ACCEPT');
  });
}

/** A delivery and the records in it, which can be read only once. */
interface Taken {
  readonly delivery: Delivery;
  readonly lines: readonly string[];
}

/** What checkpoints made durable of a source, as a data folder keeps it. */
class DataFolder {
  readonly positions = new Map<string, Position>();
  readonly ids = new Map<string, Set<string>>();
  readonly lines: string[] = [];
  readonly #scratch = temporaryFolder();
  #seq = 0;

  get resume(): Resume {
    const ids = new Map([...this.ids].map(([partition, known]) => [partition, new Set(known)]));
    return { instance: 'contract', scratch: this.#scratch, positions: new Map(this.positions), ids };
  }

  /** A checkpoint of these deliveries, in the order in which the service does it. Throws at a gap or a repeat. */
  async commit(source: Source, deliveries: readonly Taken[]): Promise<void> {
    const covered = new Map<string, Covered>();
    for (const { delivery, lines } of deliveries) {
      const { partition, from, last } = delivery;
      const before = covered.get(partition)?.next ?? this.positions.get(partition)?.next;
      if (before !== undefined && from !== before)
        throw new Error(`${partition}: a delivery begins at ${from}, the one before ended at ${before}`);
      const next = delivery.to ?? from + lines.length;
      this.lines.push(...lines);
      covered.set(partition, {
        partition,
        from: covered.get(partition)?.from ?? from,
        next,
        done: last,
        floor: next,
      });
      this.positions.set(partition, { next, done: last, note: delivery.note });
      const ids = this.ids.get(partition) ?? new Set<string>();
      this.ids.set(partition, ids);
      for (const id of delivery.ids ?? []) ids.add(id);
      for (const id of ids) if (id < (delivery.idsFrom ?? '')) ids.delete(id);
    }
    const all = [...covered.values()];
    await source.claim?.(++this.#seq, all);
    await source.acknowledge?.(all);
  }
}

async function linesOf({ content }: Delivery): Promise<string[]> {
  const parts: Uint8Array[] = [];
  if (content.kind === 'messages') {
    for (const message of content.messages) parts.push(message, Buffer.from('\n'));
  } else {
    const opened = await content.open();
    if (opened.kind !== 'bytes') throw new Error('not text');
    for await (const chunk of opened.chunks) {
      if ('damage' in chunk) throw new Error('damaged');
      parts.push(Buffer.from(chunk));
    }
  }
  return Buffer.concat(parts)
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

/** One life: a source at work, what it said, and its deliveries one by one. */
async function openLife(rig: SourceRig, folder: DataFolder) {
  const lanes = new Set<string>();
  const caughtUp = new Set<string>();
  const lost: string[] = [];
  const source = await rig.open(folder.resume, {
    lanes(names) {
      lanes.clear();
      for (const name of names) lanes.add(name);
    },
    caughtUp: (lane) => caughtUp.add(lane),
    flush() {},
    forget(partitions) {
      for (const partition of partitions) folder.positions.delete(partition);
    },
    lost: ({ reason }) => lost.push(reason),
    log: () => {},
  });
  const stop = new AbortController();
  const iterator = source.deliveries(stop.signal)[Symbol.asyncIterator]();
  return {
    source,
    stop: () => stop.abort(),
    lanes,
    caughtUp,
    lost,
    /** The next delivery; it may be without records, for its position. Nothing when the source has ended. */
    async take(): Promise<Taken | undefined> {
      const { done, value } = await iterator.next();
      return done === true ? undefined : { delivery: value, lines: await linesOf(value) };
    },
    /** Tells it to end. */
    async end(): Promise<void> {
      stop.abort();
      await rest(this.take);
      await source.close();
    },
  };
}

type Life = Awaited<ReturnType<typeof openLife>>;

/** Records of all that still comes until the source ends. */
async function rest(take: () => Promise<Taken | undefined>): Promise<string[]> {
  const lines: string[] = [];
  for (let next = await take(); next !== undefined; next = await take()) lines.push(...next.lines);
  return lines;
}

/** Bytes that this process has read from files and sockets. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))![1]);
}

/** Waits until nothing more than polling is read. */
async function quiet(): Promise<void> {
  for (let before = bytesRead(), calm = 0; calm < 3; ) {
    await sleep(400);
    const now = bytesRead();
    calm = now - before < 32_768 ? calm + 1 : 0;
    before = now;
  }
}

/** Holds for every source what the service relies on. */
export function itIsASource(contract: SourceContract): void {
  const { create, putSize, puts } = contract;
  const all = records(putSize * puts);
  const fill = async (rig: SourceRig): Promise<void> => {
    for (let i = 0; i < puts; i++) await rig.put(all.slice(i * putSize, (i + 1) * putSize));
  };
  const sorted = (lines: readonly string[]): string[] => [...lines].sort();

  /** Makes everything durable, delivery by delivery. */
  const readAll = async (life: Life, folder: DataFolder): Promise<void> => {
    while (folder.lines.length < all.length) {
      const taken = await life.take();
      if (taken === undefined) throw new Error('the source ended by itself');
      expect(life.lanes).toContain(taken.delivery.lane);
      await folder.commit(life.source, [taken]);
    }
  };

  describe('as every source', () => {
    it('delivers each record once, without gaps, in lanes that it named, and says when it has caught up', async () => {
      const rig = await create('once');
      const folder = new DataFolder();
      const life = await openLife(rig, folder);
      await fill(rig);
      await readAll(life, folder);
      const more = rest(life.take);
      while (life.caughtUp.size < life.lanes.size) await sleep(50);
      life.stop();
      expect(await more).toEqual([]);
      await life.source.close();
      expect(sorted(folder.lines)).toEqual(sorted(all));
      expect(life.lost).toEqual([]);
    });

    it('goes on from what is durable, whatever was read beyond it', async () => {
      const rig = await create('resume');
      const folder = new DataFolder();
      const random = new Random(5, 'lives');
      let life = await openLife(rig, folder);
      await fill(rig);
      for (let i = 0; i < LIVES; i++) {
        const taken: Taken[] = [];
        let seen = folder.lines.length;
        for (let n = 1 + random.int(4); n > 0 && seen < all.length; n--) {
          const one = await life.take();
          if (one === undefined) throw new Error('the source ended by itself');
          taken.push(one);
          seen += one.lines.length;
        }
        await folder.commit(life.source, taken.slice(0, random.int(taken.length + 1)));
        await life.end();
        life = await openLife(rig, folder);
      }
      await readAll(life, folder);
      await life.end();
      expect(sorted(folder.lines)).toEqual(sorted(all));
    });

    it('ends when it is told to: before anything came, amid what there is, and when nothing comes', async () => {
      const rig = await create('end');
      const folder = new DataFolder();
      const waiting = await openLife(rig, folder);
      const nothing = rest(waiting.take);
      await sleep(100);
      waiting.stop();
      expect(await nothing).toEqual([]);
      await waiting.source.close();

      const amid = await openLife(rig, folder);
      await fill(rig);
      await amid.take();
      amid.stop();
      // What it had in hand may still come, not all there is.
      expect((await rest(amid.take)).length).toBeLessThan(all.length / 2);
      await amid.source.close();

      const last = await openLife(rig, folder);
      await readAll(last, folder);
      const more = rest(last.take);
      last.stop();
      expect(await more).toEqual([]);
      await last.source.close();
      expect(sorted(folder.lines)).toEqual(sorted(all));
    });

    const { readAhead } = contract;
    it.skipIf(readAhead === undefined)('reads no more than a little ahead of who asks', async () => {
      const rig = await create('pressure');
      const folder = new DataFolder();
      await fill(rig);
      const before = bytesRead();
      const life = await openLife(rig, folder);
      for (let had = false; !had; ) had = ((await life.take())?.lines.length ?? 1) > 0;
      await quiet();
      const ahead = bytesRead() - before;
      await life.end();
      const again = await openLife(rig, folder);
      await readAll(again, folder);
      await again.end();
      expect(ahead).toBeLessThan(readAhead!);
      expect(bytesRead() - before).toBeGreaterThan(2 * readAhead!);
    });
  });
}
