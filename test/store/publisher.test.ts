import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PublishedManifest, readManifest } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { type Contents, emptyContents } from '../../src/store/state/contents.ts';
import { temporaryFolder } from './support.ts';

const witness = (seq: number) => ({ witness: { seq, file: `${seq}.bin` } });
const at = (next: number) => ({ next, done: true });

function fill(contents: Contents, from: number, to: number): void {
  for (let i = from; i < to; i++) contents.positions.set(`bucket/${i}`, at(i));
}

const parts = (folder: string): readonly { entries: number }[] =>
  (JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as PublishedManifest).parts;

const sorted = (entries: Iterable<readonly [string, unknown]> = []) =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

async function expectPublished(folder: string, contents: Contents, seq: number): Promise<void> {
  const manifest = await readManifest(folder);
  expect(manifest?.witness?.seq).toBe(seq);
  expect(sorted(manifest?.witness?.positions)).toEqual(sorted(contents.positions.entries()));
  expect(sorted(manifest?.witness?.outbox)).toEqual(sorted(contents.outbox.entries()));
}

describe('the published manifest', () => {
  it('is what there is, after any changes, whatever of them lies in parts', async () => {
    const change = fc.tuple(fc.nat(30), fc.option(fc.nat(1000)));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 20 }), async (steps) => {
        const folder = temporaryFolder();
        const contents = emptyContents();
        const publisher = createPublisher(folder, 5);
        for (const [seq, changes] of steps.entries()) {
          for (const [key, value] of changes) {
            contents.positions.set(`p${key}`, value === null ? undefined : at(value));
            contents.outbox.set(`o${key % 7}`, value === null ? undefined : `v${value}`);
          }
          const publishing = publisher.publish(contents, witness(seq));
          // The delivery of alerts goes on meanwhile.
          contents.outbox.set('busy', `${seq}`);
          await publishing;
          await expectPublished(folder, contents, seq);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('costs what changed, not what there is', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    fill(contents, 0, 50_000);
    const publisher = createPublisher(folder);
    await publisher.publish(contents, witness(1));
    expect(parts(folder).map(({ entries }) => entries)).toEqual([50_000]);
    fill(contents, 50_000, 50_010);
    await publisher.publish(contents, witness(2));
    expect(readFileSync(join(folder, 'manifest.json')).length).toBeLessThan(2000);
    expect(parts(folder)).toHaveLength(1);
    await expectPublished(folder, contents, 2);
  });

  it('keeps no word of what is gone, as long as there is little', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    const publisher = createPublisher(folder, 10);
    for (let seq = 0; seq < 50; seq++) {
      fill(contents, seq, seq + 1);
      contents.positions.set(`bucket/${seq - 3}`, undefined);
      await publisher.publish(contents, witness(seq));
      expect(contents.positions.changed).toBe(0);
      await expectPublished(folder, contents, seq);
    }
    expect(parts(folder)).toEqual([]);
  });

  it('puts parts together when most of what they have is gone, and removes them', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    const publisher = createPublisher(folder, 10);
    for (let seq = 0; seq < 60; seq++) {
      fill(contents, seq * 20, seq * 20 + 20);
      for (let i = seq * 20 - 60; i < seq * 20 - 40; i++) contents.positions.set(`bucket/${i}`, undefined);
      await publisher.publish(contents, witness(seq));
      expect(parts(folder).length).toBeLessThan(8);
      expect(readdirSync(join(folder, 'manifest'))).toHaveLength(parts(folder).length);
    }
    await expectPublished(folder, contents, 59);
  });

  it('is whole again after a part could not be written', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    const publisher = createPublisher(folder, 10);
    fill(contents, 0, 100);
    await publisher.publish(contents, witness(1));
    fill(contents, 100, 150);
    rmSync(join(folder, 'manifest'), { recursive: true });
    writeFileSync(join(folder, 'manifest'), 'in the way');
    await expect(publisher.publish(contents, witness(2))).rejects.toThrow();
    rmSync(join(folder, 'manifest'));
    fill(contents, 150, 151);
    await publisher.publish(contents, witness(3));
    await expectPublished(folder, contents, 3);
  });

  it('of another process is taken over, with its parts', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    fill(contents, 0, 100);
    await createPublisher(folder, 10).publish(contents, witness(1));
    const [first] = readdirSync(join(folder, 'manifest'));
    fill(contents, 100, 110);
    await createPublisher(folder, 10).publish(contents, witness(2));
    expect(readdirSync(join(folder, 'manifest'))).not.toContain(first);
    await expectPublished(folder, contents, 2);
  });

  it('is damaged when a part is, or is gone', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    fill(contents, 0, 100);
    await createPublisher(folder, 10).publish(contents, witness(1));
    const [name = ''] = readdirSync(join(folder, 'manifest'));
    const file = join(folder, 'manifest', name);
    const bytes = readFileSync(file);
    bytes[70]! ^= 1;
    writeFileSync(file, bytes);
    await expect(readManifest(folder)).rejects.toThrow(`the checksum of its part ${name} is wrong`);
    rmSync(file);
    await expect(readManifest(folder)).rejects.toThrow('is damaged');
  });

  it('is found by whoever reads it while parts are put together', async () => {
    const folder = temporaryFolder();
    const contents = emptyContents();
    const publisher = createPublisher(folder, 3);
    fill(contents, 0, 20);
    await publisher.publish(contents, witness(0));
    let isOver = false;
    const reading = (async () => {
      let read = 0;
      for (; !isOver; read++) expect((await readManifest(folder))?.witness?.positions).toHaveLength(20);
      return read;
    })();
    for (let seq = 1; seq < 100; seq++) {
      fill(contents, 0, 20);
      await publisher.publish(contents, witness(seq));
    }
    isOver = true;
    expect(await reading).toBeGreaterThan(0);
  });
});
