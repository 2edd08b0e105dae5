import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import { mmdbFacts, readMmdb } from '../../src/reference/facts/mmdb.ts';
import { MMDB_FILES } from '../reference/mmdb-files.ts';
import { writeMmdb } from './rigs/mmdb.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-mmdb-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ADDRESSES = ['203.0.113.9', '203.0.113.200', '198.51.100.1', '2001:db8::1', 'c633:6400::1', '8.8.8.8'];

function factsIn(file: string) {
  const found = readMmdb(readFileSync(file));
  if (typeof found === 'string') return found;
  const of = mmdbFacts(found.content);
  return ADDRESSES.map((address) => of(parseAddress(address) as Uint32Array));
}

describe('MMDB files of another writer', () => {
  it.each(Object.entries(MMDB_FILES))('%s says what the one kept here says', (name, made) => {
    const file = join(folder, `${name}.mmdb`);
    writeMmdb({ ...made, file });
    expect(factsIn(file)).toEqual(factsIn(made.file));
  });

  it('of many networks is read as it was written', () => {
    const file = join(folder, 'many.mmdb');
    const networks = Array.from({ length: 3000 }, (_, i) => `${20 + (i >> 8)}.${i & 255}.0.0/16`);
    const records = Object.fromEntries(
      networks.map((network, i) => [network, { autonomous_system_number: 1000 + i }]),
    );
    writeMmdb({ file, type: 'DBIP-ASN-Lite', version: 4, records });
    const found = readMmdb(readFileSync(file));
    if (typeof found === 'string') throw new Error(found);
    const of = mmdbFacts(found.content);
    const asns = networks.map(
      (network) => of(parseAddress(network.replace('0.0/16', '7.7')) as Uint32Array).asn,
    );
    expect(asns).toEqual(networks.map((_, i) => 1000 + i));
  });
});
