import { Dictionary } from '../src/columns/dictionary.ts';
import { createFlowBatch, type FlowBatch, type Layout } from '../src/columns/flow-batch.ts';
import { loopRecords, parse, textChunks } from './input.ts';
import { type Bench, type Measure, medianOf, nsPerRecord } from './measure.ts';

const CUSTOM = [
  'version vpc-id subnet-id instance-id interface-id srcaddr dstaddr srcport dstport protocol',
  'tcp-flags packets bytes start end action log-status',
]
  .join(' ')
  .split(' ');

/** Text in memory to batches, on one core. */
export const benchParse: Bench = async (setting) => {
  const measures: Measure[] = [];
  const formats = [
    ['default v2', undefined],
    [`custom, ${CUSTOM.length} fields`, CUSTOM.map((field) => `\${${field}}`).join(' ')],
  ] as const;
  for (const [name, format] of formats) {
    const chunks = await textChunks(setting, format);
    const value = await medianOf(5, () => {
      // Memory is used again, as it is in the product.
      let spare: FlowBatch | undefined;
      const newBatch = (capacity: number, layout: Layout): FlowBatch => {
        const old = spare;
        spare = undefined;
        return createFlowBatch(capacity, layout, old?.layout === layout ? old.buffer : undefined);
      };
      const take = (batch: FlowBatch): void => {
        spare = batch;
      };
      return nsPerRecord(loopRecords(setting), () => parse(chunks, new Dictionary(), take, newBatch));
    });
    const target = format === undefined ? '≤ 400' : undefined;
    measures.push({
      bench: 'parse',
      name,
      value,
      unit: 'ns/record',
      ...(target === undefined ? {} : { target }),
    });
  }
  return measures;
};
