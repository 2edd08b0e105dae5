import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { contacts, listed, quiet } from '../cli/many-alerts.ts';
import { temporaryFolder } from '../cli/run.ts';
import { startRun } from '../cli/service.ts';
import { type Answer, CA, startReceiver } from '../send/receiver.ts';

/** Both can be raised for a release: what has to hold are 1,000 and 50. */
const ALERTS = Number(process.env.FLOWSENTRY_ALERTS ?? 200);
const KILLS = Number(process.env.FLOWSENTRY_KILLS ?? 10);

/** The other side of one sink: 10 % of attempts get 5xx, 5 % 429, 5 % are taken and the connection cut, 1 % are answered after up to 30 s. */
function unsteady(seed: number) {
  const random = new Random(seed, 'unsteady');
  /** Bodies that were taken, by the key of the message. */
  const taken = new Map<string, string[]>();
  const order: string[] = [];
  let lost = 0;
  const answer =
    (keyOf: (request: Parameters<Answer>[0]) => string): Answer =>
    (request, response, socket) => {
      const chance = random.unit();
      if (chance < 0.1) return void response.writeHead(503).end();
      if (chance < 0.15) return void response.writeHead(429, { 'retry-after': '1' }).end();
      const key = keyOf(request);
      taken.set(key, [...(taken.get(key) ?? []), request.body]);
      order.push(request.body);
      if (chance < 0.2) {
        lost++;
        return void socket.destroy();
      }
      const late = chance < 0.21;
      if (late) lost++;
      setTimeout(() => response.writeHead(202).end(), late ? 8000 + random.int(22_000) : random.int(200));
    };
  return { taken, order, answer, lost: () => lost };
}

describe('alerts through sinks that fail, from a service that is killed', () => {
  it('are all told, are all told to be over, and come twice only with the same key', async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'logs'), { recursive: true });
    writeFileSync(join(root, 'routing'), 'r'.repeat(32), { mode: 0o600 });
    const hook = unsteady(1);
    const pager = unsteady(2);
    const [hookServer, pagerServer] = await Promise.all([
      startReceiver(hook.answer(({ headers }) => String(headers['webhook-id']))),
      startReceiver(pager.answer(({ json }) => `${json.dedup_key} ${json.event_action}`)),
    ]);
    const common = `rate: 100000, tls: {ca: ${CA}}`;
    const more = `${listed(root)}sinks:
  - {type: webhook, name: hook, url: "${hookServer.url}/in", ${common}}
  - {type: pagerduty, name: pd, url: "${pagerServer.url}/pd", routingKey: {file: routing}, ${common}}
route: {groupWait: 0, groupInterval: 0.1}
`;
    const start = () =>
      startRun(root, '- {type: file, name: collected, paths: [logs], interval: 0.05}', more);
    const random = new Random(3, 'kills');
    const log = join(root, 'logs', 'a.log');
    let service = start();
    for (let i = 0; i < KILLS; i++) {
      const [from, to] = [i, i + 1].map((n) => Math.floor((n * ALERTS) / KILLS)) as [number, number];
      appendFileSync(log, contacts(from, to, i * 20));
      if (random.unit() < 0.9) await service.saying('running');
      await sleep(random.int(1500));
      service.child.kill('SIGKILL');
      await service.ended;
      service = start();
    }
    const subjects = (event: string): Set<string> =>
      new Set(
        [...hook.taken.values()].flatMap(([body = '{}']) => {
          const { type, data } = JSON.parse(body);
          return type === event ? data.alerts.map(({ subject }: { subject: string }) => subject) : [];
        }),
      );
    /** What PagerDuty would have: incidents by key, and whether they are open. */
    const incidents = (): Map<string, string> => {
      const found = new Map<string, string>();
      for (const body of pager.order) {
        const { dedup_key, event_action } = JSON.parse(body);
        // Without an open incident a resolve is dropped.
        if (event_action === 'trigger' || found.has(dedup_key)) found.set(dedup_key, event_action);
      }
      return found;
    };
    while (subjects('alerts.firing').size < ALERTS || incidents().size < ALERTS) await sleep(200);
    appendFileSync(log, quiet(KILLS * 20));
    const open = () => [...incidents().values()].filter((action) => action === 'trigger').length;
    while (subjects('alerts.resolved').size < ALERTS || open() > 0) await sleep(200);
    expect(await service.stop()).toBe(0);

    expect(incidents().size).toBe(ALERTS);
    const repeats = [...hook.taken.values()].reduce((sum, bodies) => sum + bodies.length - 1, 0);
    for (const bodies of hook.taken.values()) expect(new Set(bodies).size).toBe(1);
    // One message is in doubt at a kill.
    expect(repeats).toBeLessThanOrEqual(hook.lost() + KILLS);
    const again = [...pager.taken.values()].reduce((sum, bodies) => sum + bodies.length - 1, 0);
    expect(again).toBeLessThanOrEqual(pager.lost() + KILLS);
    process.stderr.write(
      `${ALERTS} alerts, ${KILLS} kills: 0 missing; webhook ${hook.taken.size} messages, ${repeats} repeats of which ${hook.lost()} acknowledgements were lost; PagerDuty ${incidents().size} incidents, ${again} repeats, ${pager.lost()} lost\n`,
    );
    await Promise.all([hookServer.close(), pagerServer.close()]);
  }, 3_600_000);
});
