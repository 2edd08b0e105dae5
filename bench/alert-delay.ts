import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { flowsentry } from '../test/cli/run.ts';
import { freePort, startRun } from '../test/cli/service.ts';
import { createAuthority } from '../test/integration/rigs/certificates.ts';
import { startKafka } from '../test/integration/rigs/kafka.ts';
import { writeConfig } from './configuration.ts';
import { createTraffic } from './traffic.ts';

// What the service adds to the time an alert takes: `npm run bench:delay -- --rate 150000 --speed 60 --seconds 120`
const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '150000' },
    speed: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '120' },
    'warm-up': { type: 'string', default: '30' },
    checkpoint: { type: 'string', default: '20s' },
  },
});
/** Records a second, seconds of event time in one of them, seconds that are measured and those before. */
const [rate, speed, seconds, warmUp] = [
  Number(values.rate),
  Number(values.speed),
  Number(values.seconds),
  Number(values['warm-up']),
];
if (!(rate > 0 && speed > 0 && seconds > 0 && warmUp >= 0)) {
  console.error(
    'usage: npm run bench:delay -- [--rate RECORDS-A-SECOND] [--speed N] [--seconds N] [--warm-up N] [--checkpoint DURATION]',
  );
  process.exit(2);
}

const PARTITIONS = 4;
/** Records a message: what a forwarder packs together. */
const LINES = 10;
const STEP = 60;
/** Seconds a record may be late; a step closes when every partition has passed its end by them. */
const LATENESS = 60;
/** Milliseconds between two requests to the broker. */
const PAUSE = 50;
/** Records in a request, at most: the broker takes no batch above 1 MB. */
const MOST = 20_000;
/** Rejected attempts of one outside address on one host in a step: twice what makes it a scan. */
const PORTS = 100;
/** Minutes of event time that are made once; then they come again with later times. */
const PASS_MINUTES = 5;
/** How busy 800 hosts must be for a record a second of event time. */
const BUSY = 30 / 20_000;

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-bench-delay-'));
const broker = await startKafka(folder, createAuthority(folder));
// Only its text: the service has a file of its own there.
const settings = readFileSync(await writeConfig(folder), 'utf8');
const traffic = createTraffic(await simulated());
await broker.createTopic('bench', PARTITIONS, { 'message.timestamp.type': 'LogAppendTime' });
const source = `- {type: kafka, name: k, brokers: ['${broker.address}'], plaintext: true, topics: [bench], lateness: ${LATENESS}s}`;
const port = await freePort();
const service = startRun(folder, source, `${settings}serve: {port: ${port}}\n`, {}, values.checkpoint);

/** When the records were there that close a step, by the minute of event time in which it begins. */
const closable = new Map<number, number>();
/** When the alert about the scan in it was durable and printed, by the same. */
const told = new Map<number, number>();
let printed = '';
service.child.stdout.on('data', (text: string) => {
  const now = Date.now();
  printed += text;
  const end = printed.lastIndexOf('\n') + 1;
  for (const line of printed.slice(0, end).split('\n')) {
    const minute = line === '' ? undefined : minuteOf((JSON.parse(line) as { subject: string }).subject);
    if (minute !== undefined && !told.has(minute)) told.set(minute, now);
  }
  printed = printed.slice(end);
});

try {
  await service.saying('running');
  const { sent, lasted, behind, from } = await feed();
  for (let waited = 0; waited < 30 && ![...closable.keys()].every((minute) => told.has(minute)); waited++)
    await sleep(1000);
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const metric = (name: string): number =>
    Number(new RegExp(`^flowsentry_${name} (.*)$`, 'm').exec(page)?.[1]);
  const checkpoint = metric('checkpoint_seconds_sum') / metric('checkpoint_seconds_count');
  const judged = [...closable].filter(([, at]) => at >= from);
  const delays = judged
    .flatMap(([minute, at]) => (told.has(minute) ? [((told.get(minute) ?? 0) - at) / 1000] : []))
    .sort((a, b) => a - b);
  const at = (share: number): string => (delays[Math.ceil(delays.length * share) - 1] ?? 0).toFixed(2);
  const durable = Number(
    service.logged().findLast(({ message }) => message === 'checkpoint written')?.received ?? 0,
  );
  console.log(
    `${Math.round(sent / lasted).toLocaleString('en')} records/s, ${speed} s of event time in one, ${Math.round((rate / speed) * STEP).toLocaleString('en')} records a step: ${delays.length} alerts of ${judged.length}, seconds from their last record to durable: median ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}; a checkpoint takes ${checkpoint.toFixed(2)} s; the producer was up to ${behind.toFixed(2)} s behind, ${sent - durable} records not durable at the end`,
  );
  if (delays.length < judged.length) throw new Error('alerts are missing');
} finally {
  service.child.kill('SIGKILL');
  await broker.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** Gives the broker records at the rate, and in each step a scan by an address of its own. */
async function feed() {
  const producer = broker.kafka.producer();
  await producer.connect();
  let [sent, turn, scanned, passed, behind] = [0, 0, 0, 0, 0];
  const began = performance.now();
  const lasted = (): number => (performance.now() - began) / 1000;
  const from = Date.now() + warmUp * 1000;
  while (lasted() < warmUp + seconds) {
    if (sent >= lasted() * rate - MOST) await sleep(PAUSE);
    const wanted = Math.min(Math.floor(lasted() * rate), sent + MOST);
    const messages: { partition: number; value: string }[] = [];
    const put = (value: string): void => {
      messages.push({ partition: turn++ % PARTITIONS, value });
    };
    let newest = 0;
    while (sent < wanted) {
      const { bytes, lines, newest: time } = traffic.next(Math.min(LINES, wanted - sent));
      put(bytes.toString('latin1'));
      newest = Math.max(newest, time);
      sent += lines;
    }
    const reached = Math.floor((newest - STEP / 2) / STEP);
    if (scanned === 0) scanned = reached;
    while (scanned < reached) {
      put(scanIn(++scanned));
      sent += PORTS;
    }
    const last = Math.floor((newest - LATENESS) / STEP) - 1;
    if (passed === 0) passed = scanned;
    const written = await producer.send({ topic: 'bench', messages });
    // When the broker had all of it.
    const now = Math.max(...written.map(({ logAppendTime }) => Number(logAppendTime)));
    while (passed < last) closable.set(++passed, now);
    behind = Math.max(behind, lasted() - sent / rate);
  }
  await producer.disconnect();
  return { sent, lasted: lasted(), behind, from };
}

/** A scan in the middle of a minute of event time, as one message. */
function scanIn(minute: number): string {
  const time = minute * STEP + STEP / 2;
  return Array.from(
    { length: PORTS },
    (_, i) =>
      `2 123456789012 eni-0a1b2c3d4e5f60718 ${scannerOf(minute)} 10.0.8.10 40000 ${1000 + i} 6 1 40 ${time - 5} ${time} REJECT OK\n`,
  ).join('');
}

function scannerOf(minute: number): string {
  return `45.${(minute >> 8) & 255}.${minute & 255}.9`;
}

/** Of a scanner, when it is one of ours. */
function minuteOf(subject: string): number | undefined {
  const [, high, low] = /^45\.(\d+)\.(\d+)\.9$/.exec(subject) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const newest = Math.max(...closable.keys(), 0);
  // The part of it that an address has no room for.
  return newest - ((newest - (Number(high) << 8) - Number(low)) & 0xffff);
}

/** Text of some minutes in the default format. */
async function simulated(): Promise<Buffer> {
  const out = join(folder, 'simulated.log');
  const records = Math.round((rate / speed) * STEP * PASS_MINUTES);
  const { code, stderr } = await flowsentry([
    ...['simulate', '--records', String(records), '--seed', '1', '--no-header', '--out', out],
    ...['--hosts', '800', '--rate', String(Math.max(0.1, (rate / speed) * BUSY))],
  ]);
  if (code !== 0) throw new Error(stderr);
  const text = readFileSync(out);
  rmSync(out);
  return text;
}
