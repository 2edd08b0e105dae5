import {
  BOOLEAN,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBVector,
  INTEGER,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import nb from '@duckdb/node-bindings';
import {
  formatAddress,
  formatPrefix,
  inPrefix,
  isIpv4,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixMask,
} from '../../columns/address.ts';
import { readUuids, storedUuids } from '../uuid.ts';

/** RFC 1918, shared address space (RFC 6598), unique local (RFC 4193). */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'].map(
  (text) => parsePrefix(text)!,
);
/** Most networks remembered: a query names a few, a column of networks any number. */
const MAX_PREFIXES = 4096;

/**
 * Registers what SQL can do with addresses. In the files they are 16-byte values, in SQL canonical texts.
 * These are functions and not macros because DuckDB calls a function once for each entry of a Parquet dictionary and reuses the results: a
 * GROUP BY over five million addresses takes 0.3 s of CPU instead of the 6 s that the same as SQL text operations took.
 */
export function registerAddressFunctions(connection: DuckDBConnection): void {
  const register = (
    name: string,
    parameterTypes: readonly DuckDBType[],
    returnType: DuckDBType,
    mainFunction: (input: DuckDBDataChunk, output: DuckDBVector) => void,
  ): void =>
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes,
        returnType,
        mainFunction: (_info, input, output) => mainFunction(input, output),
      }),
    );
  register('address_text', [UUID], VARCHAR, addressText);
  register('in_cidr', [VARCHAR, VARCHAR], BOOLEAN, inCidr());
  register('is_private', [VARCHAR], BOOLEAN, (input, output) =>
    eachAddress(input, output, (words) => PRIVATE.some((prefix) => inPrefix(words, 0, prefix))),
  );
  register('is_ipv6', [VARCHAR], BOOLEAN, (input, output) =>
    eachAddress(input, output, (words) => !isIpv4(words, 0)),
  );
  register('network', [VARCHAR, INTEGER], VARCHAR, network);
}

function addressText(input: DuckDBDataChunk, output: DuckDBVector): void {
  const words = new Uint32Array(4);
  eachUuid(input, (row, stored) => {
    if (stored !== undefined) readUuids(stored, row * 4, words, 0, 1);
    output.setItem(row, stored === undefined ? null : formatAddress(words));
  });
  output.flush();
}

/**
 * Registers `name(address)`: an INTEGER that `tell` gives for an address of the files, as four words, or null; called once for each entry of
 * a dictionary.
 */
export function registerAddressCode(
  connection: DuckDBConnection,
  name: string,
  tell: (words: Uint32Array) => number | undefined,
): void {
  const words = new Uint32Array(4);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [UUID],
      returnType: INTEGER,
      mainFunction: (_info, input, output) => {
        eachUuid(input, (row, stored) => {
          if (stored !== undefined) readUuids(stored, row * 4, words, 0, 1);
          output.setItem(row, stored === undefined ? null : (tell(words) ?? null));
        });
        output.flush();
      },
    }),
  );
}

/** The rows of the first column; `stored` is undefined for null. */
function eachUuid(
  input: DuckDBDataChunk,
  each: (row: number, stored: Uint32Array | undefined) => void,
): void {
  const vector = input.getColumnVector(0);
  const stored = storedUuids(nb.data_chunk_get_vector(input.chunk, 0), input.rowCount);
  for (let row = 0; row < input.rowCount; row++) each(row, vector.getItem(row) === null ? undefined : stored);
}

/** Null for null and for what is no address. */
function eachAddress(
  input: DuckDBDataChunk,
  output: DuckDBVector,
  tell: (words: Uint32Array) => boolean,
): void {
  const addresses = input.getColumnVector(0);
  for (let row = 0; row < input.rowCount; row++) {
    const words = wordsOf(addresses.getItem(row));
    output.setItem(row, words === undefined ? null : tell(words));
  }
  output.flush();
}

function inCidr(): (input: DuckDBDataChunk, output: DuckDBVector) => void {
  const known = new Map<string, Prefix>();
  return (input, output) => {
    const addresses = input.getColumnVector(0);
    const networks = input.getColumnVector(1);
    for (let row = 0; row < input.rowCount; row++) {
      const text = networks.getItem(row) as string | null;
      const words = wordsOf(addresses.getItem(row));
      if (text === null || words === undefined) {
        output.setItem(row, null);
        continue;
      }
      let prefix = known.get(text);
      if (prefix === undefined) {
        prefix = parsePrefix(text);
        if (prefix === undefined)
          throw new Error(
            `in_cidr: ${JSON.stringify(text)} is not a network like 10.0.0.0/8 or 2001:db8::/32`,
          );
        if (known.size === MAX_PREFIXES) known.clear();
        known.set(text, prefix);
      }
      output.setItem(row, inPrefix(words, 0, prefix));
    }
    output.flush();
  };
}

/** `network('10.1.2.3', 24)` is `10.1.2.0/24`; bits are counted as people write them for the address's family. */
function network(input: DuckDBDataChunk, output: DuckDBVector): void {
  const addresses = input.getColumnVector(0);
  const lengths = input.getColumnVector(1);
  for (let row = 0; row < input.rowCount; row++) {
    const words = wordsOf(addresses.getItem(row));
    const bits = lengths.getItem(row) as number | null;
    const most = words !== undefined && isIpv4(words, 0) ? 32 : 128;
    if (words === undefined || bits === null || bits < 0 || bits > most) {
      output.setItem(row, null);
      continue;
    }
    const length = bits + 128 - most;
    for (let word = 0; word < 4; word++) words[word] = words[word]! & prefixMask(length, word);
    output.setItem(row, formatPrefix({ words, length }));
  }
  output.flush();
}

function wordsOf(value: unknown): Uint32Array | undefined {
  return typeof value === 'string' ? parseAddress(value) : undefined;
}
