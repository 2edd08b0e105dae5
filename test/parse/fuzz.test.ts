import { afterAll, beforeAll, expect, test } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { createFlowBatch, type FlowBatch } from '../../src/columns/flow-batch.ts';
import { parseFormat } from '../../src/parse/format.ts';
import { RowSink } from '../../src/parse/row-sink.ts';
import { createTextDecoder, type TextDecoder } from '../../src/parse/text.ts';
import { LINE } from './support.ts';

/** Inputs for each parser; two million take about two minutes each. */
const RUNS = Number(process.env.FLOWSENTRY_FUZZ_RUNS ?? 20_000);

const CUSTOM =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: AWS writes a log format like this, and it is no template of ours
  '${end} ${srcaddr} ${pkt-dstaddr} ${vpc-id} ${instance-tag} ${tcp-flags} ${action} ${log-status}';
const TRANSIT =
  '6 TransitGateway 123456789012 tgw-1 - - - - - - - - - - - - 10.0.0.1 10.0.0.2 1 2 6 3 4 1700000000 1700000060 OK IPv4 0 0 0 0 2 eu-west-1 ingress - -';

interface Case {
  readonly format?: string;
  readonly seeds: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  'default lines': {
    seeds: [
      LINE,
      LINE.replace('10.0.0.5', '2001:db8::5'),
      LINE.replace('ACCEPT OK', '- NODATA'),
      TRANSIT,
      '# x',
    ],
  },
  'custom lines': {
    format: CUSTOM,
    seeds: [
      '1700000000 10.0.0.1 2001:db8::1 vpc-1 a%20b%zz 19 REJECT OK',
      'end,srcaddr,vpc-id',
      '1700000000,10.0.0.1,"x"',
    ],
  },
  'JSON rows': {
    seeds: [
      '{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","end":1700000000,"bytes":25238.0,"vpc_id":null}',
      '[{"srcaddr":"::1","start":"1","protocol":"6"},{"srcaddr":"::1","start":"1","protocol":"6"}]',
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"srcaddr":"10.0.0.1","end":1,"bytes":1}',
    ],
  },
  envelopes: {
    seeds: [
      `{"messageType":"DATA_MESSAGE","logEvents":[{"message":${JSON.stringify(LINE)}},{"message":"{}"}]}`,
      `{"message":${JSON.stringify(LINE)}}{"records":[{"data":"${Buffer.from(LINE).toString('base64')}"}]}`,
      '{"awslogs":{"data":"H4sIAAAAAAAAA0vOz0nVUUhMSlYoyUhVKEpNzEksAgBZzVbEFAAAAA=="}}',
    ],
  },
  'OCSF events': {
    seeds: [
      '{"class_uid":4001,"metadata":{"product":{"version":"5"}},"src_endpoint":{"ip":"10.0.0.1","port":1,"intermediate_ips":["10.0.0.3"]},"dst_endpoint":{"ip":"10.0.0.2"},"connection_info":{"direction_id":1,"boundary_id":4},"start_time":1700000000000,"unmapped":[["__proto__","x"],["region","y"]],"disposition":"Blocked"}',
    ],
  },
};

/** A small fast generator with a seed (mulberry32): a failure comes again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

const SPICE = Buffer.from(' \n\t\r{}[]",:\\-0129.%/#eE+\0\u001b$ÿ﻿');

/** Writes a mutation of a seed, or bytes from nowhere, into `out`; returns its length. */
function mutate(seeds: readonly Uint8Array[], next: (below: number) => number, out: Buffer): number {
  if (next(16) === 0) {
    const length = next(120);
    for (let i = 0; i < length; i++) out[i] = next(256);
    return length;
  }
  const seed = seeds[next(seeds.length)]!;
  out.set(seed);
  let length = seed.length;
  for (let edits = next(5); edits > 0 && length > 0; edits--) {
    const at = next(length);
    switch (next(6)) {
      case 0:
        out[at] = next(256);
        break;
      case 1:
        out[at] = SPICE[next(SPICE.length)]!;
        break;
      case 2:
        length = at;
        break;
      case 3: {
        const removed = Math.min(next(8), length - at);
        out.copyWithin(at, at + removed, length);
        length -= removed;
        break;
      }
      case 4:
        out.copyWithin(at + 1, at, length);
        out[at] = SPICE[next(SPICE.length)]!;
        length++;
        break;
      default: {
        const copied = Math.min(next(40), length - at);
        out.copyWithin(length, at, at + copied);
        length += copied;
      }
    }
  }
  return length;
}

const pristine = (): string =>
  JSON.stringify(
    [Object.prototype, Array.prototype, Function.prototype].map((each) => Reflect.ownKeys(each).map(String)),
  );
let before = '';
beforeAll(() => {
  before = pristine();
});
afterAll(() => {
  expect(pristine()).toBe(before);
});

test.each(Object.keys(CASES))(
  `%s: ${RUNS} arbitrary and mutated inputs are read to their end without an error`,
  (name) => {
    const { format, seeds } = CASES[name]!;
    const bytes = seeds.map((seed) => Buffer.from(`${seed}\n`));
    const next = random(name.length);
    const names = new Dictionary(100_000);
    const pool: FlowBatch[] = [];
    const out = Buffer.alloc(4096);
    let received = 0;
    let rows = 0;
    let sink: RowSink | undefined;
    let decoder: TextDecoder | undefined;
    for (let run = 0; run < RUNS; run++) {
      // Most inputs are read by a reader that others went through before.
      if (sink === undefined || decoder === undefined || run % 50 === 0) {
        sink = new RowSink({
          source: 'fuzz',
          names,
          batchRows: 8,
          newBatch: (capacity, layout) => {
            const reused = layout.extra.length === 0 && !layout.packetAddresses ? pool.pop() : undefined;
            if (reused !== undefined) reused.length = 0;
            return reused ?? createFlowBatch(capacity, layout);
          },
          skip: 0,
          warn: () => {},
        });
        decoder = createTextDecoder(sink, format === undefined ? undefined : parseFormat(format));
      }
      const length = mutate(bytes, next, out);
      if (next(2) === 0) {
        const cut = next(length + 1);
        decoder.push(out.subarray(0, cut));
        decoder.push(out.subarray(cut, length));
      } else {
        decoder.push(out.subarray(0, length));
      }
      decoder.end();
      sink.flush();
      for (const part of sink.take()) {
        received += part.received;
        rows += part.batch?.length ?? 0;
        if (part.batch !== undefined && part.batch.layout.extra.length === 0 && pool.length < 4)
          pool.push(part.batch);
        if (part.received !== (part.batch?.length ?? 0) + part.rejects.length)
          throw new Error(`run ${run}: rows and rejects are not what was received`);
      }
    }
    expect(rows).toBeGreaterThan(RUNS / 20);
    expect(received).toBeGreaterThan(rows);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  },
  3_600_000,
);
