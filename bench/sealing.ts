import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BufferPool } from '../src/columns/buffer-pool.ts';
import { createFlowBatch } from '../src/columns/flow-batch.ts';
import { FIELDS } from '../src/parse/fields.ts';
import { History } from '../src/store/history/history.ts';
import { batches, loopRecords } from './input.ts';
import { type Bench, medianOf, nsPerRecord } from './measure.ts';

/** Batches to durable Parquet files, the writing thread alone at work. */
export const benchSealing: Bench = async (setting) => {
  const input = await batches(setting);
  const value = await medianOf(3, async () => {
    const dataDir = await mkdtemp(join(setting.scratch, 'sealing-'));
    await using history = new History({
      dataDir,
      names: input.names,
      pool: new BufferPool(),
      fieldTypes: new Map(FIELDS.map((field) => [field.name, field.type])),
      sequence: 1,
    });
    const copies = input.batches.map((batch) => {
      const copy = createFlowBatch(batch.capacity, batch.layout, batch.buffer.slice(0));
      copy.length = batch.length;
      return copy;
    });
    await history.seal();
    const ns = await nsPerRecord(loopRecords(setting), async () => {
      for (const batch of copies) await history.appendFlows(batch);
      await history.seal();
    });
    await rm(dataDir, { recursive: true });
    return ns;
  });
  return [{ bench: 'history', name: 'seal flows', value, unit: 'ns/record' }];
};
