import { appendFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../integration/rigs/certificates.ts';
import { CA, startReceiver } from '../send/receiver.ts';
import { contacts } from './many-alerts.ts';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, holds, startRun } from './service.ts';

const folder = temporaryFolder();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
/** A leap in time is believed when so many records stand behind it. */
const BELIEVED = 40;
const LINE = `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT')}\n`;
const services: ReturnType<typeof startRun>[] = [];
// What a failed test left behind.
afterAll(() => {
  for (const { child } of services) child.kill('SIGKILL');
});

async function start(name: string) {
  const port = await freePort();
  const service = startRun(join(folder, name), SOURCE, `serve: {port: ${port}}\n`);
  services.push(service);
  await service.saying('running');
  return { port, service };
}

const scrape = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();

/** Counters and gauges of ours that have a type on a page and no value on any. */
function missing(...pages: readonly string[]): string[] {
  const all = pages.join('');
  const shown = new Set(Array.from(all.matchAll(/^(\w+)(?:\{.*\})? \S+$/gm), ([, name]) => name));
  const named = new Set(
    Array.from(all.matchAll(/^# TYPE (flowsentry_\w+) (?:counter|gauge)$/gm), (m) => m[1]!),
  );
  return [...named].filter((name) => !shown.has(name));
}

/** What a service shows once it is configured (feeds, an inventory, trials, sinks, certificates) or has happened. */
const NOT_YET = [
  ...['records_rejected_total', 'detector_learns_until_seconds'],
  ...['feed_networks', 'feed_age_seconds', 'feed_answers_total'],
  ...['inventory_entries', 'inventory_age_seconds'],
  ...['trial_alerts', 'trial_budget_alerts', 'trial_ends_seconds', 'detector_promoted_seconds'],
  ...[
    'alerts_total',
    'messages_delivered_total',
    'message_failures_total',
    'sink_up',
    'template_failures_total',
  ],
  ...['outbox_alerts', 'outbox_messages', 'outbox_dead_letters', 'outbox_bytes'],
  ...['cert_not_after', 'ingest_paused'],
];

/** Answers of EC2 that knows no instance and no interface. */
const EC2_ANSWERS = [
  ['DescribeInstances', '<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>'],
  [
    'DescribeNetworkInterfaces',
    '<DescribeNetworkInterfacesResponse><networkInterfaceSet/></DescribeNetworkInterfacesResponse>',
  ],
] as const;

describe('metrics of flowsentry run', () => {
  it('show each source from the start, also one that has been silent since', async () => {
    const first = await start('silent');
    writeFileSync(join(first.service.logs, 'a.log'), LINE.repeat(BELIEVED));
    await holds(first.service.data, BELIEVED);
    expect(await first.service.stop()).toBe(0);

    const second = await start('silent');
    await scrape(second.port);
    const page = await scrape(second.port);
    expect(missing(page)).toEqual(NOT_YET.map((name) => `flowsentry_${name}`));
    expect(await second.service.stop()).toBe(0);
    expect(page).toContain('flowsentry_source_records_total{source="collected"} 0\n');
    expect(page).toContain('flowsentry_source_losses_total{source="collected"} 0\n');
    expect(page).toMatch(/^flowsentry_source_lag_seconds\{source="collected"\} \d+/m);
  });

  // The alert FlowsentryCheckpointMissing relies on it.
  it('show that records are read, but that no checkpoint succeeds any more', async () => {
    const { port, service } = await start('failing');
    expect(await scrape(port)).toContain('flowsentry_checkpoint_seconds_count 0\n');
    const log = join(service.logs, 'a.log');
    writeFileSync(log, LINE);
    await holds(service.data, 1);
    const inTheWay = join(service.data, 'history/flows/date=2026-01-05/hour=05');
    // A file would be taken for an orphan and go with the next life.
    symlinkSync('nowhere', inTheWay);
    appendFileSync(log, `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT', 5 * 3600)}\n`);
    const counts = async (failures: number) => {
      const failed = () => service.logged().filter(({ message }) => String(message).startsWith('a failure:'));
      while (failed().length < failures) await sleep(50);
      const page = await scrape(port);
      const of = (name: string) =>
        Number(
          page
            .split('\n')
            .find((line) => line.startsWith(name))
            ?.split(' ')[1],
        );
      return {
        checkpoints: of('flowsentry_checkpoint_seconds_count'),
        received: of('flowsentry_records_received_total'),
        read: of('flowsentry_source_records_total{source="collected"}'),
      };
    };
    const once = await counts(1);
    const often = await counts(3);
    expect(once.received).toBe(1);
    expect(often).toEqual({ ...once, read: often.read });
    expect(often.read).toBeGreaterThanOrEqual(once.read + 2);
    rmSync(inTheWay);
    await holds(service.data, 2);
    expect(await service.stop()).toBe(0);
  });

  it('are all shown by a service that uses everything', async () => {
    const receiver = await startReceiver(({ path, body }, response) => {
      const ec2 = EC2_ANSWERS.find(([action]) => body.includes(`Action=${action}&`));
      if (ec2 !== undefined) response.setHeader('content-type', 'text/xml').end(ec2[1]);
      else if (path === '/list') response.end('198.51.100.23\n');
      else response.writeHead(500).end();
    });
    const root = join(folder, 'everything');
    mkdirSync(root);
    const authority = createAuthority(join(root, 'ca'));
    const { certFile, keyFile } = authority.issue('server', { altNames: 'IP:127.0.0.1' });
    const port = await freePort();
    const service = startRun(
      root,
      SOURCE,
      `serve: {port: ${port}, tls: {certificate: ${certFile}, key: ${keyFile}}}
feeds: [{name: listed, url: "${receiver.url}/list", ca: ${CA}, category: botnet, confidence: 90, interval: 1s}]
inventory: {ec2: [{regions: [eu-central-1], endpoint: "${receiver.url}", tls: {ca: ${CA}}}]}
detectors:
  bad-ip: {mode: shadow, promote: {after: 1h, budget: 2/day}}
  spam: {mode: shadow, promote: {after: 30d, budget: 2/day}}
sinks: [{type: webhook, name: hook, url: "${receiver.url}/in", tls: {ca: ${CA}}}]
route: {groupWait: 0, groupInterval: 0.1}
history: {reserve: 1MB}
`,
      { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    );
    services.push(service);
    const page = () =>
      new Promise<string>((resolve, reject) => {
        get(`https://127.0.0.1:${port}/metrics`, { ca: authority.cert }, (answer) =>
          resolve(text(answer)),
        ).on('error', reject);
      });
    await service.saying('running');
    await page();
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
    const log = join(service.logs, 'a.log');
    writeFileSync(log, `${contacts(1, 3, 0)}not a record\n`);
    await service.saying('checkpoint written');
    appendFileSync(log, contacts(4, 5, 90) + contacts(1, 2, 95));
    await service.saying('trial promoted');
    while (!receiver.received.some(({ path }) => path === '/in')) await sleep(50);
    let reading = await page();
    while (
      !/^flowsentry_message_failures_total\{/m.test(reading) ||
      !/^flowsentry_feed_answers_total\{/m.test(reading)
    ) {
      await sleep(50);
      reading = await page();
    }
    const config = join(root, 'flowsentry.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('1MB', '1000000TB'));
    service.child.kill('SIGHUP');
    await service.saying('the disk is nearly full: reading pauses until there is room');
    const paused = await page();
    expect(await service.stop()).toBe(0);
    await receiver.close();

    expect(missing(reading)).toEqual(['flowsentry_ingest_paused']);
    expect(missing(reading, paused)).toEqual([]);
    const value = (name: string) =>
      Number(reading.match(new RegExp(`^flowsentry_${name} (\\S+)$`, 'm'))?.[1]);
    expect(value('segments')).toBeGreaterThan(0);
    expect(value('flows_open')).toBeGreaterThan(0);
    expect(value('log_lines_dropped_total')).toBe(0);
    expect(value('queue_bytes')).toBe(0);
  });
});
