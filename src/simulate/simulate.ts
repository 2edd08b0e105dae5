import { writeFile } from 'node:fs/promises';
import { parsePrefix } from '../columns/address.ts';
import { EXIT, UserError } from '../errors.ts';
import { fieldPuts } from './columns.ts';
import { Environment, MOST_HOSTS } from './environment.ts';
import { DEFAULT_FIELDS, readLogFormat } from './fields.ts';
import { createInternet } from './internet.ts';
import { noiseSource } from './noise.ts';
import type { SimulateOptions, SimulateResult } from './options.ts';
import { rhythm } from './rhythm.ts';
import { openScenarios } from './scenarios/index.ts';
import { schedule } from './schedule.ts';
import { writeChunks } from './sink.ts';
import { Traffic } from './traffic.ts';
import { Truth } from './truth.ts';
import { workload } from './workload.ts';
import type { World } from './world.ts';
import { LineWriter } from './writer.ts';

export type { SimulateOptions, SimulateResult } from './options.ts';
export { SCENARIOS } from './scenarios/index.ts';

const DEFAULT_START = '2026-01-05T00:00:00Z';
const DEFAULT_HOSTS = 80;
const FEWEST_HOSTS = 5;
/** Records a minute and host over a day, at a 60 s interval: from it comes how long a run of `records` will be. */
const RECORDS_PER_HOST_MINUTE = 36;

/** Writes simulated flow logs to `options.out`. Throws a UserError on options that make no sense. */
export async function simulateToFile(options: SimulateOptions): Promise<SimulateResult> {
  const run = createRun(options);
  await writeChunks(run.chunks(), options.out);
  if (options.truth !== undefined) await writeFile(options.truth, run.truth.csv());
  return { ...run.result, truthRows: run.truth.size };
}

function createRun(options: SimulateOptions) {
  const { seed, interval = 60, hosts = DEFAULT_HOSTS, rate = 1, noise = 1, ipv6Share = 0.15 } = options;
  check(options.records !== undefined || options.hours !== undefined, 'say how much: records or hours');
  check(options.records === undefined || options.records > 0, 'records must be positive');
  check(options.hours === undefined || options.hours > 0, 'hours must be positive');
  check(interval === 60 || interval === 600, 'the interval is 60 or 600 seconds');
  check(
    hosts >= FEWEST_HOSTS && hosts <= MOST_HOSTS,
    `an environment has ${FEWEST_HOSTS} to ${MOST_HOSTS} hosts`,
  );
  check(ipv6Share >= 0 && ipv6Share <= 1, 'the IPv6 share is between 0 and 1');
  check(rate > 0 && noise >= 0, 'the rate must be positive and the noise not negative');
  const start = Math.floor(Date.parse(options.start ?? DEFAULT_START) / 1000);
  check(Number.isFinite(start), `the start ${JSON.stringify(options.start)} is not an ISO 8601 time`);
  const network = options.network ?? '10.0.0.0/16';
  check(
    /^\d{1,3}\.\d{1,3}\.0\.0\/16$/.test(network) && parsePrefix(network) !== undefined,
    'the network is a /16 such as 10.0.0.0/16',
  );

  const most = options.records ?? Number.POSITIVE_INFINITY;
  const expected = (most / (hosts * rate * RECORDS_PER_HOST_MINUTE)) * interval;
  const length = Math.min((options.hours ?? Number.POSITIVE_INFINITY) * 3600, expected);
  const { account } = options;
  check(account === undefined || /^\d{12}$/.test(account), 'an account has 12 digits');
  const environment = new Environment({ seed, hosts, network, interval, start, account });
  const { addresses, interfaces } = environment;
  const viaEndpoint = (address: number): boolean => addresses.service(address) === 'S3';
  const traffic = new Traffic(interval, rhythm, viaEndpoint);
  const truth = new Truth();
  const world: World = {
    environment,
    addresses,
    traffic,
    truth,
    seed,
    start,
    length,
    interval,
    ipv6Share,
    rate,
    noise,
  };
  const internet = createInternet(environment);
  const sources = [
    ...schedule(world, internet),
    ...workload(world, internet),
    noiseSource(world, internet),
    ...openScenarios(world, internet, options.scenarios ?? []),
  ];
  const fields = options.format === undefined ? DEFAULT_FIELDS : readLogFormat(options.format);
  const writer = new LineWriter(fieldPuts(fields, interfaces, addresses), addresses);
  const result = { records: 0, bytes: 0, from: Number.POSITIVE_INFINITY, to: 0 };
  const ends = options.hours === undefined ? Number.POSITIVE_INFINITY : start + options.hours * 3600;

  function* chunks(): Generator<Buffer> {
    if (options.header !== false) writer.header(fields);
    for (let from = start; from < ends && result.records < most; from += 60) {
      for (const source of sources) source(from);
      traffic.advance(from + 60);
      for (const eni of interfaces) traffic.silence(eni, from, from + 60);
      deliver(from);
      yield* writer.chunks;
      writer.chunks.length = 0;
    }
    writer.flush();
    yield* writer.chunks;
    result.bytes = writer.bytes;
  }

  function deliver(from: number): void {
    const rows = traffic.delivery.take(from);
    if (rows === undefined) return;
    for (const row of rows.order(from, 60)) {
      if (result.records === most) break;
      writer.line(rows, row);
      result.records++;
      const end = rows.end[row]!;
      if (end < result.from) result.from = end;
      if (end > result.to) result.to = end;
      if (rows.truth[row] !== 0) truth.saw(rows, row);
    }
    traffic.delivery.release(rows);
  }

  return { chunks, result, truth };
}

function check(holds: boolean, problem: string): void {
  if (!holds) throw new UserError(`cannot simulate: ${problem}`, { exitCode: EXIT.usage });
}
