import { openFile } from '../src/ingest/file.ts';
import { generated, loopRecords } from './input.ts';
import { type Bench, medianOf, nsPerRecord } from './measure.ts';

/** A file inflated as the reader does it. */
export const benchGunzip: Bench = async (setting) => {
  const path = await generated(setting, loopRecords(setting));
  const value = await medianOf(5, () =>
    nsPerRecord(loopRecords(setting), async () => {
      const content = await openFile(path);
      if (content.kind !== 'bytes') throw new Error('the input is not gzip');
      for await (const chunk of content.chunks) if ('damage' in chunk) throw new Error(chunk.note);
    }),
  );
  return [{ bench: 'gunzip', name: 'file to text', value, unit: 'ns/record' }];
};
