import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { flowsentry } from '../test/cli/run.ts';
import { startRun } from '../test/cli/service.ts';
import { writeConfig } from './configuration.ts';
import { slopeOf } from './slope.ts';
import { createTraffic } from './traffic.ts';

// How much memory grows while the service follows a file at a steady rate, every detector on. `npm run bench:soak -- --minutes 60`
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    'warm-up': { type: 'string', default: '5' },
    rate: { type: 'string', default: '50000' },
  },
});
const [minutes, warmUp, rate] = [Number(values.minutes), Number(values['warm-up']), Number(values.rate)];
if (!(rate > 0 && warmUp >= 0 && minutes > warmUp)) {
  console.error('usage: npm run bench:soak -- [--minutes N] [--warm-up N] [--rate RECORDS-A-SECOND]');
  process.exit(2);
}

/** Seconds between two samples, between two rotations. */
const SAMPLE = 5;
const ROTATION = 20;
/** Seconds of records that are made once; then they come again with later times, since to make them costs more than to read them. */
const PASS = 20;
/**
 * How busy the 800 hosts must be for some half an hour of event time in them: a quarter of an hour is more than half a day then. What is
 * kept for a day, and alerts of what comes again and again, would grow for two hours with four minutes.
 */
const BUSY = 0.8 / 50_000;
/** Seconds between two measurements of what is in use after a collection. */
const COLLECTION = 60;

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-soak-'));
// Only its text: the service has a file of its own there.
const settings = readFileSync(await writeConfig(folder), 'utf8');
const total = Math.round(minutes * 60 * rate);
const traffic = createTraffic(await simulated(Math.min(total, rate * PASS)));
const source = '- {type: file, name: collected, paths: [logs], interval: 0.2, lateness: 1m}';
const collector = { NODE_OPTIONS: `--import ${new URL('collect.ts', import.meta.url)}` };
const service = startRun(folder, source, settings, collector, '2s');
const began = performance.now();
const seconds = (): number => (performance.now() - began) / 1000;
const received = (): number =>
  Number(service.logged().findLast(({ message }) => message === 'checkpoint written')?.received ?? 0);
/** Rotated files, and the lines that were given until their end. */
const rotated: { readonly file: string; readonly until: number }[] = [];
/** Resident memory, at each sample. */
const samples: Sample[] = [];
/** Objects and typed arrays that the threads have after a collection. */
const objects: Sample[] = [];
const arrays: Sample[] = [];
/** All that is resident beside arrays then: objects, code, libraries, and what they hold. V8's pages swing in it, as the young ones come and go. */
const rest: Sample[] = [];
let given = 0;
let isOver = false;

interface Sample {
  readonly hours: number;
  readonly megabytes: number;
}

async function feed(): Promise<void> {
  const file = join(service.logs, 'now.log');
  let since = 0;
  while (given < total) {
    const wanted = Math.min(total, Math.floor(seconds() * rate));
    while (given < wanted) {
      const { bytes, lines } = traffic.next(wanted - given);
      appendFileSync(file, bytes);
      given += lines;
    }
    if (seconds() - since > ROTATION) {
      since = seconds();
      const away = join(service.logs, `before-${rotated.length}.log`);
      renameSync(file, away);
      rotated.push({ file: away, until: given });
      // What was read long ago is deleted, as by a rotation that keeps a few.
      const done = received();
      for (const { file: old } of rotated.filter(({ until }) => until < done).slice(0, -2))
        rmSync(old, { force: true });
    }
    await sleep(100);
  }
}

/** Text of that many records in the default format. */
async function simulated(records: number): Promise<Buffer> {
  const out = join(folder, 'simulated.log');
  const busy = ['--hosts', '800', '--rate', String(Math.max(0.1, rate * BUSY))];
  const { code, stderr } = await flowsentry([
    'simulate',
    '--records',
    String(records),
    '--seed',
    '1',
    '--no-header',
    '--out',
    out,
    ...busy,
  ]);
  if (code !== 0) throw new Error(stderr);
  const text = readFileSync(out);
  rmSync(out);
  return text;
}

/** Asks for a collection now and then, and notes what was told of the last one. */
function measureInUse(): void {
  const told = service.logged().filter(({ message }) => message === 'memory in use');
  if (told.length > objects.length) {
    const last = told.at(-1);
    const at = (bytes: unknown): Sample => ({
      hours: seconds() / 3600,
      megabytes: Number(bytes) / (1 << 20),
    });
    objects.push(at(last?.objects));
    arrays.push(at(last?.arrays));
    rest.push(at(Number(last?.resident) - Number(last?.arrays)));
    console.error(
      `${Math.round(seconds())} s: after a collection ${objects.at(-1)?.megabytes.toFixed(2)} MB of objects, ${arrays.at(-1)?.megabytes.toFixed(1)} MB of arrays, ${rest.at(-1)?.megabytes.toFixed(1)} MB beside arrays resident, of which ${at(last?.pages).megabytes.toFixed(1)} MB are V8's pages, in ${last?.threads} threads`,
    );
  }
  if (seconds() > (objects.length + 1) * COLLECTION) service.child.kill('SIGUSR2');
}

/** MB/h after the warm-up. */
function growth(all: readonly Sample[]): string {
  const warm = all.filter(({ hours }) => hours * 60 >= warmUp);
  if (warm.length < 3) return 'an unknown amount';
  const { slope, error } = slopeOf(warm.map(({ hours, megabytes }) => [hours, megabytes]));
  return `${slope.toFixed(1)} ± ${error.toFixed(1)} MB/h`;
}

function sample(): void {
  const status = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  const megabytes = kilobytes / 1024;
  samples.push({ hours: seconds() / 3600, megabytes });
  const files = readdirSync(`/proc/${service.child.pid}/fd`).length;
  const threads = /^Threads:\s+(\d+)/m.exec(status)?.[1];
  console.error(
    `${Math.round(seconds())} s: ${megabytes.toFixed(1)} MB, ${files} files open, ${threads} threads, ${given} records given, ${given - received()} not yet durable`,
  );
}

try {
  await service.saying('running');
  const feeding = feed().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await Promise.race([sleep(SAMPLE * 1000), once(service.child, 'exit')]);
    if (service.child.exitCode !== null)
      throw new Error(`the service ended: ${service.stderr().slice(-2000)}`);
    sample();
    measureInUse();
  }
  await feeding;
  while (received() < given) await sleep(200);
  const lasted = seconds();
  if ((await service.stop()) !== 0) throw new Error(`the service failed: ${service.stderr().slice(-2000)}`);
  const last = service.logged().findLast(({ message }) => message === 'checkpoint written') ?? {};
  const sum = ['stored', 'rejected', 'duplicate', 'late', 'filtered'].reduce(
    (all, name) => all + Number(last[name]),
    0,
  );
  if (last.received !== given || sum !== given)
    throw new Error(`records are lost: ${given} given, ${JSON.stringify(last)}`);
  console.log(
    `${given.toLocaleString('en')} records in ${(lasted / 60).toFixed(1)} min (${Math.round(given / lasted).toLocaleString('en')}/s), none lost; memory grows by ${growth(samples)} after ${warmUp} min, after a collection objects by ${growth(objects)}, arrays by ${growth(arrays)}, all beside arrays by ${growth(rest)}; peak ${Math.max(...samples.map(({ megabytes }) => megabytes)).toFixed(0)} MB`,
  );
} finally {
  service.child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
