import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { logLine, temporaryFolder } from './run.ts';
import { freePort, startRun } from './service.ts';

const folder = temporaryFolder();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
const FEED = 'feeds: [{name: own, file: bad.txt, category: botnet, interval: 1s}]\n';
const HOUR = 3600;
const BAD = '198.51.100.23';
/** What is listed from the beginning: without it there would be no list to change. */
const KNOWN = '203.0.113.99\n';

type Service = ReturnType<typeof startRun>;

function start(root: string, more = ''): Service {
  mkdirSync(root, { recursive: true });
  if (!existsSync(join(root, 'bad.txt'))) list(root, KNOWN);
  return startRun(root, SOURCE, `${FEED}${more}`);
}

function list(root: string, text: string): void {
  writeFileSync(join(root, 'bad.txt'), text);
}

/** Both directions of a connection from `src` to the bad address. */
function talk(src: string, second: number, dst = BAD): string {
  const there = logLine(src, dst, 443, 'ACCEPT', second);
  const fields = there.split(' ');
  [fields[3], fields[4], fields[5], fields[6]] = [fields[4]!, fields[3]!, fields[6]!, fields[5]!];
  return `${there}\n${fields.join(' ')}\n`;
}

/** Records that let time go on to a second, believed because there are many. */
function tick(second: number): string {
  return `${Array(40)
    .fill(logLine('10.9.9.9', '10.9.9.8', 443, 'ACCEPT', second))
    .join('\n')}\n`;
}

function alertsOf(service: Service): Alert[] {
  return service.alerts().flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Alert] : []));
}

async function until<T>(service: Service, look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (service.child.exitCode !== null || service.child.signalCode !== null)
      throw new Error(service.stderr());
    await sleep(20);
  }
}

const saying = (service: Service, message: string): number =>
  service.logged().filter((line) => line.message === message).length;
const LOOKED = 'looked through the history for what a feed has new';

async function storedAlerts(data: string): Promise<Alert[]> {
  const { alerts = [] } = (await readManifest(data)) ?? {};
  return alerts.filter(({ detector }) => detector === 'bad-ip');
}

describe('what a feed has new', () => {
  it('is found in stored and in open sessions, marked, with first and last contact', async () => {
    const root = join(folder, 'found');
    const port = await freePort();
    const service = start(root, `serve: {port: ${port}}\n`);
    await service.saying('running');
    const log = join(service.logs, 'a.log');
    // Two stored sessions of one host, one of another with an address that is listed anyway, one that goes on.
    appendFileSync(log, talk('10.0.1.5', 60) + tick(HOUR) + talk('10.0.1.5', 2 * HOUR) + tick(3 * HOUR));
    appendFileSync(log, talk('10.0.1.6', 5 * HOUR) + tick(5 * HOUR + 420));
    await until(service, () => saying(service, 'checkpoint written') >= 1);
    await sleep(1500);
    expect(alertsOf(service)).toEqual([]);

    list(root, `${KNOWN}${BAD}\n`);
    const stored = await until(service, () =>
      alertsOf(service).find(({ subject }) => subject === '10.0.1.5'),
    );
    expect(stored).toMatchObject({
      ...{ detector: 'bad-ip', severity: 'high', state: 'firing', peer: BAD, count: 2 },
      firstSeen: '2026-01-05T00:01:00.000Z',
      lastSeen: '2026-01-05T02:00:50.000Z',
      retro: expect.stringMatching(/^2026-01-05T05:/),
      explanation: { feed: 'own', category: 'botnet', listedSince: expect.any(String) },
    });
    const open = await until(service, () => alertsOf(service).find(({ subject }) => subject === '10.0.1.6'));
    expect(open).toMatchObject({ peer: BAD, count: 1, retro: stored.retro });
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(page).toContain('flowsentry_retro_hunts_total{outcome="done"} 1');
    expect(page).toContain('flowsentry_retro_contacts_total{outcome="told"} 2');
    expect(page).toMatch(/flowsentry_retro_hunts_pending 0/);

    // What comes now is judged as it comes, once, and grows the same alert.
    appendFileSync(log, talk('10.0.1.5', 6 * HOUR) + tick(7 * HOUR));
    const grown = await until(service, () =>
      alertsOf(service).find(({ subject, count }) => subject === '10.0.1.5' && count === 3),
    );
    expect(grown.id).toBe(stored.id);
    expect(grown.retro).toBeUndefined();
    expect(await service.stop()).toBe(0);
    expect(readdirSync(join(service.data, 'feeds')).filter((name) => name.endsWith('.news'))).toEqual([]);
  });

  it('is told once whenever the process is killed', async () => {
    const counts: unknown[] = [];
    for (const wait of [0, 150, 400, 900]) {
      const root = join(folder, `killed-${wait}`);
      const first = start(root);
      await first.saying('running');
      const hosts = Array.from({ length: 5 }, (_, i) => `10.0.1.${i + 1}`);
      appendFileSync(
        join(first.logs, 'a.log'),
        hosts.map((host) => talk(host, 60)).join('') + tick(3 * HOUR),
      );
      await until(first, () => saying(first, 'checkpoint written') >= 1);
      await sleep(500);
      list(root, `${KNOWN}${BAD}\n`);
      await first.saying('a new list of a feed is in use');
      await sleep(wait);
      first.child.kill('SIGKILL');
      await first.ended;

      const second = start(root);
      await second.saying('running');
      await until(second, () => saying(first, LOOKED) + saying(second, LOOKED) >= 1);
      await sleep(1500);
      expect(await second.stop()).toBe(0);
      const alerts = await storedAlerts(second.data);
      counts.push(alerts.map(({ subject, count, retro }) => [subject, count, retro === undefined]).sort());
    }
    const once = Array.from({ length: 5 }, (_, i) => [`10.0.1.${i + 1}`, 1, false]);
    expect(counts).toEqual([once, once, once, once]);
  });

  it('is told within the budget, and what is beyond it is counted', async () => {
    const root = join(folder, 'budget');
    const port = await freePort();
    const service = start(root, `retroHunt: {maxAlerts: 2}\nserve: {port: ${port}}\n`);
    await service.saying('running');
    const hosts = Array.from({ length: 5 }, (_, i) => `10.0.1.${i + 1}`);
    appendFileSync(
      join(service.logs, 'a.log'),
      hosts.map((host) => talk(host, 60)).join('') + tick(3 * HOUR),
    );
    await until(service, () => saying(service, 'checkpoint written') >= 1);
    await sleep(500);
    list(root, `${KNOWN}${BAD}\n`);
    await service.saying("more contacts than the budget: 'flowsentry hunt --feed' shows all");
    await until(service, () => alertsOf(service).length === 2);
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(page).toContain('flowsentry_retro_contacts_total{outcome="over_budget"} 3');
    expect(await service.stop()).toBe(0);
    expect(await storedAlerts(service.data)).toHaveLength(2);
  });
});
