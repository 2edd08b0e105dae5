import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import {
  ACTION,
  createFlowBatch,
  DEFAULT_LAYOUT,
  type FlowBatch,
  LOG_STATUS,
  PRESENT,
  PRESENT_V2,
} from '../../src/columns/flow-batch.ts';
import { defaultConfig } from '../../src/config.ts';
import { connectionOptions } from '../../src/connections.ts';
import { judgesOf, readContext } from '../../src/judges.ts';
import { Rollup } from '../../src/rollup/rollup.ts';
import { createMute } from '../../src/score/exceptions.ts';
import { Scorer } from '../../src/score/scorer.ts';
import { wordsOf } from '../rows.ts';

/** 2026-01-05 00:00 UTC. */
const T0 = 1_767_571_200;
const BATCH = 16_384;
const SUBJECTS = 1_000_000;
const PORTS = 1_000_000;
const SOURCES = 200_000;
const MINUTES = 20;
/** What the saved state of all detectors together may take, and that of the rollup: their caps, in bytes. */
const DETECTOR_BYTES = 120_000_000;
const ROLLUP_BYTES = 200_000_000;

const SYN = 2;
const SCANNER = '10.250.0.1';
const GUESSER = '198.51.100.7';
const SENDER = '10.250.0.3';
const SERVER = wordsOf('10.250.1.1');
const OUTSIDE = wordsOf('203.0.113.9');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-bounds-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** One direction of a connection in the minute at hand. */
interface Leg {
  readonly src: ArrayLike<number>;
  readonly dst: ArrayLike<number>;
  readonly srcPort: number;
  readonly dstPort: number;
  readonly packets?: number;
  readonly bytes?: number;
  readonly flags?: number;
  readonly reject?: boolean;
}

it('a million subjects, a scan of a million ports and 200,000 attacking sources stay within the caps, and the attackers are named', async () => {
  const names = new Dictionary();
  const config = defaultConfig();
  const context = await readContext(config, names, folder, () => {});
  const judges = judgesOf(config, context);
  const scorer = new Scorer(judges, createMute([]), names);
  const rollup = new Rollup(connectionOptions(config, context, judges, 0), {
    step: (step) => scorer.step(step),
    window: (window) => scorer.window(window),
    late: () => {},
  });
  const feed = feeder(names, (batch) => rollup.add(batch));

  for (let minute = 0; minute < MINUTES; minute++) {
    feed.time(T0 + minute * 60);
    for (const leg of traffic(minute)) feed.add(leg);
    feed.flush();
  }
  rollup.finish();

  const lost: Record<string, number> = { ...rollup.overflow, ...scorer.overflow() };
  const detectorBytes = [...scorer.snapshots().values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  const rollupBytes = rollup.snapshot().byteLength;

  expect(scorer.failures()).toEqual({});
  expect(detectorBytes).toBeLessThan(DETECTOR_BYTES);
  expect(rollupBytes).toBeLessThan(ROLLUP_BYTES);
  // What needs no place is told all the same: the scan and the guessing are not missed by any of them.
  for (const name of ['flows', 'windowKeys', 'volume-spike', 'unexpected-egress', 'beacon'])
    expect(lost[name], name).toBeGreaterThan(0);
  const told = scorer.book.entries().map(({ alert }) => `${alert.detector} ${alert.subject}`);
  expect(told).toContain(`port-scan ${SCANNER}`);
  expect(told).toContain('brute-force 10.250.1.1');
  expect(told).toContain(`upload-asymmetry ${SENDER}`);
  const sources = scorer.book.entries().filter(({ alert }) => /^45\./.test(alert.subject));
  expect(sources.filter(({ alert }) => alert.severity !== 'info').length).toBeLessThan(100);
});

/** What happens in a minute: subjects that talk, one that scans, sources that knock, one that guesses passwords, one that uploads. */
function* traffic(minute: number): Generator<Leg> {
  const each = (all: number): [number, number] => [(minute * all) / MINUTES, ((minute + 1) * all) / MINUTES];
  const [fromSubject, toSubject] = each(SUBJECTS);
  for (let i = fromSubject; i < toSubject; i++) {
    const src = [0, 0, 0xffff, 0x0b000000 - 0x01000000 + i];
    const ports = { srcPort: 40_000, dstPort: 443 };
    yield { src, dst: OUTSIDE, ...ports, packets: 10, bytes: 5000, flags: SYN };
    yield {
      src: OUTSIDE,
      dst: src,
      srcPort: 443,
      dstPort: 40_000,
      packets: 10,
      bytes: 9000,
      flags: SYN | 16,
    };
  }
  const scanner = wordsOf(SCANNER);
  const [fromPort, toPort] = each(PORTS);
  for (let i = fromPort; i < toPort; i++) {
    const dst = [0, 0, 0xffff, 0x0afa0200 + (i >>> 16)];
    yield { src: scanner, dst, srcPort: 50_000, dstPort: i & 0xffff, flags: SYN, reject: true };
  }
  const [fromSource, toSource] = each(SOURCES);
  for (let i = fromSource; i < toSource; i++)
    for (let knock = 0; knock < 3; knock++) {
      const src = [0, 0, 0xffff, 0x2d000000 + i];
      yield { src, dst: SERVER, srcPort: 30_000 + knock, dstPort: 22, flags: SYN, reject: true };
    }
  const guesser = wordsOf(GUESSER);
  for (let i = 0; i < 60; i++) {
    const srcPort = 20_000 + minute * 60 + i;
    yield { src: guesser, dst: SERVER, srcPort, dstPort: 22, packets: 14, bytes: 1900, flags: SYN };
    yield {
      src: SERVER,
      dst: guesser,
      srcPort: 22,
      dstPort: srcPort,
      packets: 13,
      bytes: 2300,
      flags: SYN | 16,
    };
  }
  const sender = wordsOf(SENDER);
  const ports = { srcPort: 45_000 + minute, dstPort: 8443 };
  yield { src: sender, dst: OUTSIDE, ...ports, packets: 20_000, bytes: 30_000_000, flags: SYN };
  yield {
    ...{ src: OUTSIDE, dst: sender, srcPort: 8443, dstPort: 45_000 + minute },
    ...{ packets: 9000, bytes: 400_000, flags: SYN | 16 },
  };
}

/** Fills batches of version 3 records and hands them over. */
function feeder(names: Dictionary, take: (batch: FlowBatch) => void) {
  const batch = createFlowBatch(BATCH, DEFAULT_LAYOUT);
  const account = names.code('123456789012');
  const interfaceId = names.code('eni-0a1b2c3d4e5f60718');
  let start = 0;
  const flush = (): void => {
    if (batch.length > 0) take(batch);
    batch.length = 0;
  };
  return {
    time(at: number) {
      start = at;
    },
    flush,
    add(leg: Leg) {
      const i = batch.length++;
      batch.srcAddr.set(leg.src, i * 4);
      batch.dstAddr.set(leg.dst, i * 4);
      batch.srcPort[i] = leg.srcPort;
      batch.dstPort[i] = leg.dstPort;
      batch.protocol[i] = 6;
      batch.packets[i] = leg.packets ?? 1;
      batch.bytes[i] = leg.bytes ?? 40;
      batch.start[i] = start;
      batch.end[i] = start + 59;
      batch.action[i] = leg.reject === true ? ACTION.reject : ACTION.accept;
      batch.logStatus[i] = LOG_STATUS.ok;
      batch.tcpFlags[i] = leg.flags ?? 0;
      batch.present[i] = PRESENT_V2 | PRESENT.tcpFlags;
      batch.accountId[i] = account;
      batch.interfaceId[i] = interfaceId;
      if (batch.length === batch.capacity) flush();
    },
  };
}
