import { Reader, type Response } from 'mmdb-lib';
import { formatAddress, isIpv4 } from '../../columns/address.ts';
import type { OutsideNetwork } from '../../contracts.ts';
import type { Content } from '../feeds/load.ts';
import { categoryText } from '../feeds/record.ts';

/** Networks that are looked at for one of which the file says something that we can use. */
const MOST_TRIED = 100_000;
const FORMAT = 2;
/** 2000::/3, where IPv6 addresses of the internet begin. */
const GLOBAL_V6 = 0x2000n << 112n;
const END_V6 = 0x4000n << 112n;

/** Checks a file in MaxMind's DB format (https://maxmind.github.io/MaxMind-DB/). Its bytes are what it says. */
export function readMmdb(bytes: Buffer): Content<Uint8Array> | string {
  try {
    const reader = new Reader<Response>(bytes);
    const { binaryFormatMajorVersion: format, nodeCount, searchTreeSize, databaseType } = reader.metadata;
    if (format !== FORMAT) return `it has version ${format} of the format, not ${FORMAT}`;
    if (nodeCount < 1 || searchTreeSize > bytes.length) return 'it is cut off';
    if (!hasFacts(reader))
      return `it has neither AS numbers nor countries: its type is ${JSON.stringify(databaseType)}`;
    // A tree of n nodes has n + 1 leaves: networks, with and without something to say.
    return { content: Uint8Array.from(bytes), count: nodeCount + 1 };
  } catch (error) {
    return `it is no whole MMDB file: ${(error as Error).message}`;
  }
}

/** What such a file says of an address: AS number and its holder, country, as MaxMind, DB-IP and IPinfo name them. */
export function mmdbFacts(bytes: Uint8Array) {
  const reader = new Reader<Response>(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const isV4Only = reader.metadata.ipVersion === 4;
  return (words: Uint32Array): OutsideNetwork => {
    // The reader would walk a tree of IPv4 with the bits of an IPv6 address.
    if (isV4Only && !isIpv4(words, 0)) return {};
    try {
      return factsOf(reader.get(formatAddress(words)));
    } catch {
      // Damaged where nobody looked before: it says nothing then.
      return {};
    }
  };
}

function factsOf(record: unknown): OutsideNetwork {
  const flat = partOf(record);
  const traits = partOf(flat.traits);
  const given = (name: string): unknown => flat[name] ?? traits[name];
  const asn = Number(String(given('autonomous_system_number') ?? flat.asn).replace(/^AS/i, ''));
  const organization = given('autonomous_system_organization') ?? flat.as_name;
  const holder = typeof organization === 'string' ? categoryText(organization) : undefined;
  const country = [partOf(flat.country).iso_code, flat.country_code, flat.country].find(
    (code): code is string => typeof code === 'string' && /^[A-Z]{2}$/.test(code),
  );
  return {
    ...(Number.isInteger(asn) && asn > 0 && asn <= 0xffff_ffff ? { asn } : {}),
    ...(holder === undefined ? {} : { organization: holder }),
    ...(country === undefined ? {} : { country }),
  };
}

function partOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Whether some network of the first ones has a fact: walks from network to network. */
function hasFacts(reader: Reader<Response>): boolean {
  const isKnown = (address: string): readonly [known: boolean, length: number] => {
    const [record, length] = reader.getWithPrefixLength(address);
    return [Object.keys(factsOf(record)).length > 0, length];
  };
  let tried = 0;
  for (let address = 0; address < 2 ** 32 && tried < MOST_TRIED; tried++) {
    const [known, length] = isKnown(formatAddress(Uint32Array.of(0, 0, 0xffff, address)));
    if (known) return true;
    address += 2 ** (32 - length);
  }
  if (reader.metadata.ipVersion === 4) return false;
  for (let address = GLOBAL_V6; address < END_V6 && tried < 2 * MOST_TRIED; tried++) {
    const words = [96n, 64n, 32n, 0n].map((shift) => Number((address >> shift) & 0xffff_ffffn));
    const [known, length] = isKnown(formatAddress(Uint32Array.from(words)));
    if (known) return true;
    // The part of a network that is before `address` was looked at already.
    address = ((address >> BigInt(128 - length)) + 1n) << BigInt(128 - length);
  }
  return false;
}
