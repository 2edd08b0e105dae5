import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CA, type Receiver, startReceiver } from '../send/receiver.ts';
import { contacts, listed, quiet } from './many-alerts.ts';
import { flowsentry, temporaryFolder } from './run.ts';
import { freePort, startRun } from './service.ts';

const folder = temporaryFolder();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
const hook = (name: string, url: string, more = '') =>
  `{type: webhook, name: ${name}, url: "${url}/in", tls: {ca: ${CA}}${more}}`;

const services: ReturnType<typeof startRun>[] = [];
// What a failed test left behind.
afterAll(() => {
  for (const { child } of services) child.kill('SIGKILL');
});

function start(
  name: string,
  sinks: readonly string[],
  more = 'route: {groupWait: 0, groupInterval: 0.1}\n',
  env = {},
) {
  const root = join(folder, name);
  mkdirSync(root, { recursive: true });
  const service = startRun(root, SOURCE, `${listed(root)}sinks: [${sinks.join(', ')}]\n${more}`, env);
  services.push(service);
  return service;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(50);
}

const told = ({ received }: Receiver, event: string): string[] =>
  received.flatMap(({ json }) =>
    json.type === `alerts.${event}`
      ? json.data.alerts.map(({ subject }: { subject: string }) => subject)
      : [],
  );

describe('a service with sinks', () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(() => receiver.close());

  it('tells of an alert, and that it is over, also when it was stopped in between, and prints nothing', async () => {
    receiver.received.length = 0;
    const service = start('told', [hook('hook', receiver.url)]);
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 3, 0));
    await until(() => told(receiver, 'firing').length === 2);
    expect(await service.stop()).toBe(0);
    expect(service.alerts()).toEqual(['']);
    expect(receiver.received[0]?.json).toMatchObject({
      data: { sink: 'hook', firing: 1, alerts: [{ detector: 'bad-ip' }] },
    });

    appendFileSync(join(service.logs, 'a.log'), quiet(0));
    const next = start('told', [hook('hook', receiver.url)]);
    await until(() => told(receiver, 'resolved').length === 2);
    expect(await next.stop()).toBe(0);
    expect(told(receiver, 'firing')).toHaveLength(2);
  });

  it('forgets an alert some time after it is over', async () => {
    receiver.received.length = 0;
    const more = 'route: {groupWait: 0, groupInterval: 0.1}\nhistory: {alerts: 2d}\n';
    const service = start('forgotten', [hook('hook', receiver.url)], more);
    const listed = async () => {
      const { stdout } = await flowsentry(['alerts', 'list', '--json', '--data', service.data]);
      return stdout
        .trim()
        .split('\n')
        .filter((line) => line.includes('"detector":"bad-ip"')).length;
    };
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 3, 0));
    await until(() => told(receiver, 'firing').length === 2);
    appendFileSync(join(service.logs, 'a.log'), quiet(0));
    await until(() => told(receiver, 'resolved').length === 2);
    expect(await listed()).toBe(2);
    appendFileSync(join(service.logs, 'a.log'), quiet(2 * 24 * 60));
    while ((await listed()) > 0) await sleep(100);
    expect(await service.stop()).toBe(0);
  });

  it('tells one sink at once while another hangs, and shows both in its metrics', async () => {
    receiver.received.length = 0;
    const hanging = await startReceiver(() => {});
    const port = await freePort();
    const service = start(
      'hanging',
      [hook('slow', hanging.url), hook('quick', receiver.url)],
      `route: {groupWait: 0}\nserve: {port: ${port}}\n`,
    );
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 30, 0));
    await until(() => told(receiver, 'firing').length === 29 && hanging.received.length > 0);
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(page).toContain('flowsentry_messages_delivered_total{sink="quick"} 29');
    expect(page).toContain('flowsentry_messages_delivered_total{sink="slow"} 0');
    expect(page).toContain('flowsentry_outbox_alerts{sink="slow"} 29');
    expect(page).toContain('flowsentry_alerts_total{detector="bad-ip",severity="high"} 29');
    expect(page).toContain('flowsentry_alerts_firing 29');
    expect(await service.stop()).toBe(0);
    await hanging.close();
  });

  it('goes on after kills at any moment: nobody is missed, and repeats have the same key', async () => {
    const bodies = new Map<string, Set<string>>();
    let turn = 0;
    const unsteady = await startReceiver((request, response, socket) => {
      turn++;
      if (turn % 10 === 0) return void response.writeHead(503).end();
      if (turn % 21 === 0) return void response.writeHead(429, { 'retry-after': '0' }).end();
      const key = String(request.headers['webhook-id']);
      bodies.set(key, (bodies.get(key) ?? new Set()).add(request.body));
      // Taken, and nobody hears of it.
      if (turn % 20 === 5) return void socket.destroy();
      setTimeout(() => response.end(), (turn * 37) % 80);
    });
    const sinks = [hook('hook', unsteady.url, ', rate: 100000')];
    const seen = (event: string) =>
      new Set(
        [...bodies.values()].flatMap(([body = '{}']) => {
          const { type, data } = JSON.parse(body);
          return type === `alerts.${event}`
            ? data.alerts.map(({ subject }: { subject: string }) => subject)
            : [];
        }),
      );
    let service = start('killed', sinks);
    for (let i = 0; i < 8; i++) {
      appendFileSync(join(service.logs, 'a.log'), contacts(i * 20, i * 20 + 20, i * 30));
      if (i % 3 !== 2) await service.saying('running');
      await sleep((i * 331) % 1200);
      service.child.kill('SIGKILL');
      await service.ended;
      service = start('killed', sinks);
    }
    await until(() => seen('firing').size === 160);
    appendFileSync(join(service.logs, 'a.log'), quiet(240));
    await until(() => seen('resolved').size === 160);
    expect(await service.stop()).toBe(0);
    for (const [, texts] of bodies) expect(texts.size).toBe(1);
    await unsteady.close();
  });

  it('shows its secrets nowhere but where they belong', async () => {
    const canaries = {
      header: 'canary-header-7d1',
      key: 'whsec_Y2FuYXJ5LWtleS03ZDE=',
      routing: 'canaryroutingcanaryroutingcanary',
      bot: 'xoxb-canary-bot-7d1',
    };
    const root = join(folder, 'secret');
    mkdirSync(root, { recursive: true });
    for (const [name, text] of Object.entries(canaries))
      writeFileSync(join(root, name), text, { mode: 0o600 });
    // The other side fails, and repeats all it was told.
    const parrot = await startReceiver((request, response) =>
      response.writeHead(400).end(`${JSON.stringify(request.headers)} ${request.body}`),
    );
    const env = { CANARY: 'canary-of-the-environment' };
    const service = start(
      'secret',
      [
        hook(
          'hook',
          parrot.url,
          ', headers: {Authorization: {file: header}, X-Key: {env: CANARY}}, signingKey: {file: key}',
        ),
        `{type: pagerduty, name: pd, url: "${parrot.url}/pd", routingKey: {file: routing}, tls: {ca: ${CA}}}`,
        `{type: slack, name: chat, url: "${parrot.url}/api", channel: C1, token: {file: bot}, tls: {ca: ${CA}}}`,
      ],
      undefined,
      env,
    );
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 2, 0));
    await until(
      () => service.logged().filter(({ message }) => message === 'a message was given up').length === 3,
    );
    await sleep(1000);
    const config = join(root, 'flowsentry.yaml');
    const shown = await Promise.all([
      flowsentry(['outbox', 'list', '--json', '--data', service.data]),
      flowsentry(['check-config', config, '--json'], env),
      flowsentry(['sinks', 'preview', 'pd', '--config', config, '--data', service.data], env),
      flowsentry(['sinks', 'test', '--config', config, '--json'], env),
    ]);
    expect(JSON.parse(shown[0]?.stdout ?? '').dead).toHaveLength(3);
    expect(await service.stop()).toBe(0);
    const texts = [
      ...shown.flatMap(({ stdout, stderr }) => [stdout, stderr]),
      JSON.stringify(service.logged()),
      ...['outbox.json', 'manifest.json', 'state.duckdb'].map((name) =>
        readFileSync(join(service.data, name), 'latin1'),
      ),
    ].join('\n');
    const sent = JSON.stringify(parrot.received);
    for (const canary of [...Object.values(canaries), env.CANARY]) {
      expect(texts).not.toContain(canary);
      if (!canary.startsWith('whsec_')) expect(sent).toContain(canary);
    }
    await parrot.close();
  });

  it('does what people tell it, at once or when it runs next', async () => {
    receiver.received.length = 0;
    let isDown = true;
    receiver.answer((_, response) => response.writeHead(isDown ? 404 : 200).end());
    const events: string[] = [];
    const pager = await startReceiver(({ json }, response) => {
      events.push(json.event_action);
      response.writeHead(202).end();
    });
    const root = join(folder, 'told-by-people');
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, 'routing'), 'r'.repeat(32), { mode: 0o600 });
    const sinks = [
      hook('hook', receiver.url),
      `{type: pagerduty, name: pd, url: "${pager.url}/v2/enqueue", routingKey: {file: routing}, tls: {ca: ${CA}}}`,
    ];
    const service = start('told-by-people', sinks);
    const { data } = service;
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await flowsentry([...args, '--data', data]);
      return { code, text: stdout + stderr };
    };
    await service.saying('running');
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 2, 0));
    await service.saying('a message was given up');
    await until(() => events.length === 1);
    const { id } = JSON.parse((await run('alerts', 'list', '--json')).text);

    isDown = false;
    expect(await run('outbox', 'retry', '--sink', 'hook')).toEqual({ code: 0, text: '1 dead letters\n' });
    await until(() => receiver.received.length === 2);
    expect(receiver.received[0]?.headers['webhook-id']).toBe(receiver.received[1]?.headers['webhook-id']);

    expect((await run('alerts', 'ack', id.slice(0, 8), '--by', 'anna')).code).toBe(0);
    await until(() => events.length === 2);
    expect((await run('alerts', 'comment', id.slice(0, 8), 'asked the owner')).code).toBe(0);
    const closed = await run('alerts', 'close', id.slice(0, 8), '--as', 'false-positive');
    expect(closed.text).toContain('detector: bad-ip');
    await until(() => events.length === 3);
    expect(events).toEqual(['trigger', 'acknowledge', 'resolve']);

    expect(
      (await run('silences', 'add', 'subject="10.1.0.0/24"', '--for', '1h', '--reason', 'a test')).code,
    ).toBe(0);
    appendFileSync(join(service.logs, 'a.log'), contacts(2, 4, 30));
    await until(() => readFileSync(join(data, 'outbox.json'), 'utf8').includes('"hits":2'));
    const [silence] = JSON.parse((await run('silences', 'list', '--json')).text);
    expect(silence).toMatchObject({ state: 'active', hits: 2, firing: 3, reason: 'a test' });
    expect(await service.stop()).toBe(0);
    expect(events).toHaveLength(3);

    const left = await run('silences', 'expire', silence.id);
    expect(left.text).toContain('no service answers');
    const next = start('told-by-people', sinks);
    await until(() => events.filter((event) => event === 'trigger').length === 3);
    expect(await next.stop()).toBe(0);
    expect(JSON.parse(readFileSync(join(data, 'outbox.json'), 'utf8')).remarks[0][1]).toMatchObject({
      acknowledged: { by: 'anna' },
      verdict: { as: 'false-positive' },
      comments: [{ text: 'asked the owner' }],
    });
    await pager.close();
  });

  it('tells at its start of every problem of its sinks', async () => {
    const config = join(folder, 'wrong.yaml');
    writeFileSync(
      config,
      'sinks:\n  - {type: webhook, name: a, url: "https://u:p@b.c/"}\n  - {type: slack, name: a}\nroute:\n  sinks: [nobody]\n  groupBy: [colour]\n  routes: [{match: ["size=1"], muteTimes: [never]}]\n',
    );
    const { code, stderr } = await flowsentry(['check-config', config]);
    expect(code).toBe(2);
    for (const text of [
      'line 2:',
      'user or password',
      'needs either token and channel',
      'no such label: size',
    ])
      expect(stderr).toContain(text);
    writeFileSync(
      config,
      'sinks: []\nroute: {sinks: [nobody], groupBy: [colour], routes: [{muteTimes: [never]}]}\n',
    );
    const names = await flowsentry(['check-config', config]);
    for (const text of [
      'no such sink: nobody',
      'no such label: colour',
      'no such interval under timeIntervals: never',
    ])
      expect(names.stderr).toContain(text);
  });
});
