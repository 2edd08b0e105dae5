import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LabelledSet, readSet, readTruth, setNames } from '../../bench/detection/labelled-set.ts';
import { type Seen, score } from '../../bench/detection/score.ts';

const T0 = 1_760_054_400;
const TRUTH = `attack_type,src,dst,dport,proto,start,end,count
c2,10.0.0.5,203.0.113.9,443,6,${T0},${T0 + 3600},60
c2,10.0.0.5,203.0.113.10,443,6,${T0},${T0 + 3600},60
ddos_icmp,10.0.0.6,203.0.113.11,0,1,${T0},${T0 + 600},9
ddos_icmp,10.0.0.6,203.0.113.12,0,1,${T0},${T0 + 600},9
`;
let folder: string;
let set: LabelledSet;

/** A record of the pair and its label. */
function line(label: string, src: string, dst: string, start = T0, status = 'OK'): [string, string] {
  const eni = `eni-${src}`;
  return [`2 1 ${eni} ${src} ${dst} 40000 443 6 1 60 ${start} ${start + 59} ACCEPT ${status}`, label];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-score-'));
  const records = [
    ...[0, 60, 120, 180].map((after) => line('M:c2', '10.0.0.5', '203.0.113.9', T0 + after)),
    line('B', '10.0.0.5', '203.0.113.20'),
    line('U', '10.0.0.7', '203.0.113.21'),
    line('B', '-', '-', T0, 'NODATA'),
    line('B', '10.0.0.7', '203.0.113.22', T0 + 43_141),
  ];
  const gz = (column: 0 | 1): Buffer => gzipSync(`${records.map((record) => record[column]).join('\n')}\n`);
  await writeFile(join(folder, 'small.log.gz'), gz(0));
  await writeFile(join(folder, 'small.labels.gz'), gz(1));
  await writeFile(join(folder, 'small.truth.csv'), TRUTH);
  set = await readSet(folder, 'small');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function seen(about: Partial<Seen>): Seen {
  const at = new Date((T0 + 600) * 1000).toISOString();
  return { detector: 'one', severity: 'high', subject: '10.0.0.5', firstSeen: at, lastSeen: at, ...about };
}

describe('a labelled set', () => {
  it('is a log with labels and truth beside it', async () => {
    expect(await setNames(folder)).toEqual(['small']);
    expect(set.truth).toHaveLength(4);
    expect(set.pairs.get('10.0.0.5 203.0.113.9')).toBe(4);
    expect(set.hosts.get('10.0.0.5')).toBe(5);
  });

  it('counts interfaces times days, and pairs that began four times', () => {
    expect(set.hostDays).toBe(1);
    expect(set.days).toBe(0.5);
    expect(set.regularPairs).toBe(1);
  });

  it('counts command and control by pair, other attacks by source, and volume series by window', () => {
    expect(new Set(set.truth.map(({ attack }) => attack)).size).toBe(3);
    const series = readTruth('attack_type,series,src,dst,start,end\nv,s,a,b,1,2\nv,s,a,b,5,6\n');
    expect(series.map(({ attack }) => attack)).toEqual(['v a 1', 'v a 5']);
  });
});

describe('the score', () => {
  it('is true when addresses and time fit, either way round', () => {
    const result = score([seen({ subject: '203.0.113.9', peer: '10.0.0.5' })], set);
    expect(result).toMatchObject({ paging: 1, true: 1, false: 0, trueBy: { one: 1 } });
    expect(result.found).toEqual({ c2: { found: 1, of: 2 }, ddos_icmp: { found: 0, of: 1 } });
  });

  it('lets an alert without a peer fit every row of its subject', () => {
    expect(score([seen({})], set).found).toMatchObject({ c2: { found: 2, of: 2 } });
  });

  it('gives a quarter of an hour, and no more', () => {
    const at = (seconds: number) => {
      const time = new Date((T0 + 3600 + seconds) * 1000).toISOString();
      return seen({ firstSeen: time, lastSeen: time });
    };
    expect(score([at(900)], set).true).toBe(1);
    expect(score([at(901)], set).true).toBe(0);
  });

  it('counts as false what pages on benign traffic, by detector and host-day', () => {
    const result = score([seen({ peer: '203.0.113.20', detector: 'two' })], set);
    expect(result).toMatchObject({ true: 0, false: 1, falsePerHostDay: 1, falseBy: { two: 1 } });
  });

  it('counts apart what pages where nothing benign is known', () => {
    expect(score([seen({ subject: '10.0.0.7', peer: '203.0.113.21' })], set)).toMatchObject({
      false: 0,
      unlabelled: 1,
    });
    expect(score([seen({ subject: '10.0.0.9' })], set)).toMatchObject({ false: 1, unlabelled: 0 });
  });

  it('asks nobody to wake up for low alerts, true or false', () => {
    const result = score([seen({ severity: 'low' }), seen({ severity: 'info', peer: '203.0.113.20' })], set);
    expect(result).toMatchObject({ alerts: 2, paging: 0, seen: 1, true: 0, false: 0 });
    expect(result.found.c2).toEqual({ found: 0, of: 2 });
  });

  it('takes a row without a destination for each of them', () => {
    const [row] = readTruth(
      `attack_type,src,dst,dport,proto,start,end\nscan,10.0.0.5,,,6,${T0},${T0 + 60}\n`,
    );
    const any = { ...set, truth: [row!] };
    expect(score([seen({ peer: '203.0.113.77' })], any).true).toBe(1);
  });
});
