import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { useHttps } from '../reference/https.ts';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, startRun } from './service.ts';

const folder = temporaryFolder();
const { ca, serve } = useHttps();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
/** Records that follow a contact until its step is closed and judged. */
const SETTLED = 900;

/** A server of a list that can change, fail, and be away. */
async function feedServer(body: string) {
  const state = { body, status: 200 };
  const url = await serve((_, response) => {
    response.writeHead(state.status).end(state.status === 200 ? state.body : '');
  });
  return Object.assign(state, {
    settings: `feeds: [{name: remote, url: "${url}/list", ca: ${ca}, category: botnet, interval: 1s, stale: 1s}]\n`,
  });
}

type Service = ReturnType<typeof startRun>;

/** A contact of one of ours with `address` in the given minute, and time that goes on. */
function contact(service: Service, address: string, minute: number): void {
  const later = logLine('10.9.9.9', '10.9.9.8', 443, 'ACCEPT', minute * 60 + SETTLED);
  const lines = [logLine('10.0.1.5', address, 443, 'ACCEPT', minute * 60), ...Array(40).fill(later)];
  appendFileSync(join(service.logs, 'a.log'), `${lines.join('\n')}\n`);
}

function alertsOf(service: Service): Alert[] {
  return service.alerts().flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Alert] : []));
}

async function tells(service: Service, peer: string): Promise<Alert> {
  for (;;) {
    const alert = alertsOf(service).find((one) => one.detector === 'bad-ip' && one.peer === peer);
    if (alert !== undefined) return alert;
    if (service.child.exitCode !== null) throw new Error(service.stderr());
    await sleep(20);
  }
}

const saysTimes = (service: Service, message: string): number =>
  service.logged().filter((line) => line.message === message).length;

describe('feeds of flowsentry run', () => {
  it('are asked again, and a new list judges what comes from then on, also after a kill and without the server', async () => {
    const server = await feedServer('203.0.113.7\n');
    const root = join(folder, 'changes');
    const first = startRun(root, SOURCE, server.settings);
    await first.saying('running');
    contact(first, '203.0.113.7', 0);
    await tells(first, '203.0.113.7');
    contact(first, '203.0.113.8', 60);
    server.body = '203.0.113.8\n203.0.113.9\n';
    await first.saying('a new list of a feed is in use');
    expect(first.logged().find(({ message }) => message === 'a new list of a feed is in use')).toMatchObject({
      feed: 'remote',
      networks: 2,
    });
    contact(first, '203.0.113.9', 120);
    await tells(first, '203.0.113.9');
    first.child.kill('SIGKILL');
    await first.ended;

    server.status = 503;
    const second = startRun(root, SOURCE, server.settings);
    await second.saying('running');
    contact(second, '203.0.113.7', 180);
    contact(second, '203.0.113.8', 240);
    await tells(second, '203.0.113.8');
    expect(alertsOf(second).filter(({ peer }) => peer === '203.0.113.7')).toEqual([]);
    expect(await second.stop()).toBe(0);
  });

  it('tell by log, metrics and an alert that they fail, or that a list is refused', async () => {
    const server = await feedServer('203.0.113.7\n');
    const port = await freePort();
    const service = startRun(join(folder, 'fails'), SOURCE, `${server.settings}serve: {port: ${port}}\n`);
    await service.saying('running');
    contact(service, '203.0.113.7', 0);
    await tells(service, '203.0.113.7');
    server.body = '203.0.113.7\n10.0.0.0/8\n';
    await service.saying('a list of a feed is refused');
    for (;;) {
      const [told] = alertsOf(service).filter(({ subject }) => subject === 'remote');
      if (told !== undefined) {
        expect(told).toMatchObject({ detector: 'telemetry-loss', severity: 'medium' });
        expect(String(told.explanation.observed)).toContain('10.0.0.0/8');
        break;
      }
      await sleep(20);
    }
    server.status = 503;
    await service.saying('a feed cannot be had');
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(page).toMatch(/flowsentry_feed_answers_total\{feed="remote",outcome="refused"\} [1-9]/);
    expect(page).toMatch(/flowsentry_feed_answers_total\{feed="remote",outcome="failed"\} [1-9]/);
    expect(page).toContain('flowsentry_feed_networks{feed="remote"} 1');
    expect(page).toMatch(/flowsentry_feed_age_seconds\{feed="remote"\} \d/);
    expect(await service.stop()).toBe(0);
  });

  it('leave nothing staged behind', async () => {
    const server = await feedServer('203.0.113.7\n');
    const service = startRun(join(folder, 'staged'), SOURCE, server.settings);
    await service.saying('running');
    contact(service, '203.0.113.7', 0);
    server.body = '203.0.113.8\n';
    await service.saying('a new list of a feed is in use');
    server.body = '203.0.113.9\n';
    while (saysTimes(service, 'a new list of a feed is in use') < 2) await sleep(20);
    expect(await service.stop()).toBe(0);
    // What was new may still have to be looked for.
    const kept = readdirSync(join(service.data, 'feeds')).filter((name) => !name.endsWith('.news'));
    expect(kept).toEqual([expect.stringMatching(/^remote-.*\.feed$/)]);
  });
});
