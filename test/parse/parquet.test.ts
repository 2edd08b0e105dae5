import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeParquet } from '../../src/parse/parquet.ts';
import { collect, DATA, type Decoded, HAS_DATA, WITHOUT_DATA } from './support.ts';

const PATH = join(DATA, 'peer-cases/obsrvbl-oss__flowlogs-reader/tests/data/flows.parquet');
const OCSF = join(
  DATA,
  'peer-cases/aws-samples__amazon-security-lake-ocsf-validation/samples/1.0.0-rc.2/VPC_FLOW/example0.gz.parquet',
);

const decode = (bytes: Uint8Array, skip = 0): Promise<Decoded> =>
  collect(
    (options) =>
      decodeParquet(
        {
          byteLength: bytes.length,
          slice: async (start, end) => Uint8Array.from(bytes.subarray(start, end)).buffer,
        },
        options,
      ),
    { skip },
  );

describe.skipIf(!HAS_DATA)(`Parquet${WITHOUT_DATA}`, () => {
  test('positions are row numbers', async () => {
    const decoded = await decode(readFileSync(PATH));
    expect(decoded.rejects).toMatchObject([{ reason: 'number-out-of-range', position: 2 }]);
    expect(JSON.parse(decoded.rejects[0]!.raw)).toMatchObject({ protocol: '8080' });
  });

  test('leaving out the first rows gives the others', async () => {
    const decoded = await decode(readFileSync(PATH), 2);
    expect(decoded).toMatchObject({ skipped: 2, received: 1, rows: [], rejects: [{ position: 2 }] });
  });

  test('a file cut or damaged anywhere is read or refused, never an error', async () => {
    for (const path of [PATH, OCSF]) {
      const whole = readFileSync(path);
      for (let at = 0; at < whole.length; at += 97) {
        const cut = await decode(whole.subarray(0, at));
        expect(cut.rows).toEqual([]);
        expect(cut.rejects.map((reject) => reject.reason)).toEqual(['bad-parquet']);
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 0x55;
        const decoded = await decode(damaged);
        expect(decoded.received).toBe(decoded.rows.length + decoded.rejects.length);
        expect(decoded.received).toBeGreaterThan(0);
      }
    }
  });
});
