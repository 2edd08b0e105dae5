import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pythonEnvironment, run } from './deploy-tools.ts';

const VERSION = '0.2.7';
/** Which width a number has is a question of the file's type, as MaxMind documents it. */
const SCRIPT = `
import json, sys
from netaddr import IPSet
from mmdb_writer import MMDBWriter
path, kind, version, records = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.load(sys.stdin)
writer = MMDBWriter(version, kind, ipv4_compatible=version == 6, int_type='u32')
for network, record in records.items():
    writer.insert_network(IPSet([network]), record)
writer.to_db_file(path)
`;

export interface MmdbOptions {
  readonly file: string;
  /** As in its metadata, such as `GeoLite2-ASN`. */
  readonly type: string;
  /** Version of IP that its tree is for. */
  readonly version?: 4 | 6;
  /** By network. */
  readonly records: Readonly<Record<string, object>>;
}

/** Writes a file in MaxMind's DB format with an independent writer, installed into a folder that later runs find. */
export function writeMmdb({ file, type, version = 6, records }: MmdbOptions): void {
  const folder = pythonEnvironment(`mmdb-writer-${VERSION}`, [`mmdb-writer==${VERSION}`]);
  const script = join(folder, 'write.py');
  writeFileSync(script, SCRIPT);
  run(join(folder, 'bin/python'), [script, file, type, String(version)], { input: JSON.stringify(records) });
}
