import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSink, SinkOptions } from '../../src/send/sinks/index.ts';
import { KafkaSinkOptions, openKafkaSink } from '../../src/send/sinks/kafka.ts';
import { flowsentry, temporaryFolder } from '../cli/run.ts';
import { filledWith, messageOf } from '../contracts/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const authority = createAuthority(join(folder, 'ca'));
const ours = authority.issue('flowsentry', { usage: 'clientAuth' });
const KEY = 'k'.repeat(32);
let broker: Broker;

beforeAll(async () => {
  broker = await startKafka(folder, authority);
});
afterAll(() => broker.stop('SIGKILL'));

const open = (topic: string, more: object = {}) =>
  openKafkaSink(
    KafkaSinkOptions.parse({
      ...{ type: 'kafka', name: 'k', topic, brokers: [broker.tlsAddress] },
      tls: { ca: authority.certFile, certificate: ours.certFile, key: ours.keyFile },
      ...more,
    }),
  );
const signal = () => AbortSignal.timeout(10_000);

/** What a topic has, as a client without our code in it reads it. */
async function read(topic: string, count: number) {
  const consumer = broker.kafka.consumer({ groupId: `reads-${topic}-${count}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const found: { key: string; json: { id: string }; headers: Record<string, string>; partition: number }[] =
    [];
  await consumer.run({
    async eachMessage({ partition, message: { key, value, headers = {} } }) {
      const texts = Object.entries(headers).map(([name, text]) => [name, String(text)]);
      found.push({
        key: String(key),
        json: JSON.parse(String(value)),
        headers: Object.fromEntries(texts),
        partition,
      });
    },
  });
  while (found.length < count) await sleep(50);
  await consumer.disconnect();
  return found;
}

describe('the sink kafka', () => {
  it('writes a message for each alert, keyed by it, with a key that stays the same', async () => {
    await broker.createTopic('alerts', 3);
    const sink = await open('alerts');
    const hostile = HOSTILE.map((text, i) => ({ ...filledWith(text), id: alertOf(i).id }));
    const alerts = [...hostile, alertOf(1, { state: 'resolved' })];
    for (let i = 0; i < 2; i++)
      expect(await sink.deliver(messageOf(alerts), signal())).toEqual({
        delivered: true,
        answer: 'took 61 of 61',
      });
    const found = await read('alerts', 122);
    const of = (id: string) => found.filter(({ key }) => key === id);
    for (const alert of alerts.slice(2)) {
      const both = of(alert.id).filter(({ headers }) => headers.state === alert.state);
      expect(new Set(both.map(({ headers }) => headers['idempotency-key']))).toEqual(
        new Set([`${KEY}-${alert.id}`]),
      );
    }
    expect(of(alertOf(2).id).map(({ json }) => json)).toEqual(Array(2).fill({ ...hostile[2], key: KEY }));
    expect(of(alertOf(1).id).map(({ headers }) => headers.state)).toEqual([
      'firing',
      'resolved',
      'firing',
      'resolved',
    ]);
    expect(new Set(of(alertOf(1).id).map(({ partition }) => partition)).size).toBe(1);
    await sink.close();
  });

  it('has nothing of what is encrypted, before or after', async () => {
    await broker.createTopic('encrypted', 1);
    execFileSync('openssl', ['genpkey', '-algorithm', 'X25519', '-out', at('soc.key')], { stdio: 'pipe' });
    execFileSync('openssl', ['pkey', '-in', at('soc.key'), '-pubout', '-out', at('soc.pem')]);
    writeFileSync(at('ids'), 'a secret for ids of ours', { mode: 0o600 });
    const options = {
      ...{ type: 'kafka', name: 'k', topic: 'encrypted', brokers: [broker.tlsAddress] },
      tls: { ca: authority.certFile, certificate: ours.certFile, key: ours.keyFile },
      encrypt: { key: at('soc.pem'), fields: ['subject', 'peer'], ids: { file: at('ids') } },
    };
    const sink = await openSink(SinkOptions.parse(options));
    const alert = alertOf(1, { subject: '10.77.66.55', peer: '198.51.100.199', title: '10.77.66.55' });
    expect(await sink.deliver(messageOf([alert]), signal())).toMatchObject({ delivered: true });
    await sink.close();
    const [found] = await read('encrypted', 1);
    const text = JSON.stringify(found);
    for (const hidden of [alert.id, '10.77.66.55', '198.51.100.199', KEY]) expect(text).not.toContain(hidden);
    writeFileSync(at('message.json'), JSON.stringify(found?.json));
    const { stdout } = await flowsentry(['decrypt', at('message.json'), '--key', at('soc.key')]);
    expect(JSON.parse(stdout)).toMatchObject(alert);
  });

  it('cuts what is too large for a message, and writes OCSF when it is told to', async () => {
    await broker.createTopic('ocsf', 1);
    const sink = await open('ocsf', { format: 'ocsf', maxMessageBytes: 50_000 });
    const huge = Array.from({ length: 4 }, (_, i) => ({ ...filledWith('"ü🟥'.repeat(500_000)), id: `${i}` }));
    expect(await sink.deliver(messageOf(huge), signal())).toMatchObject({ delivered: true });
    for (const { json } of await read('ocsf', 4)) {
      expect(json).toMatchObject({ class_uid: 2004 });
      expect(JSON.stringify(json).isWellFormed()).toBe(true);
      expect(Buffer.byteLength(JSON.stringify(json))).toBeLessThanOrEqual(50_000);
    }
    await sink.close();
  });

  it('says that a topic is not there, and that a broker takes nothing so large', async () => {
    const nowhere = await open('nowhere');
    expect(await nowhere.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({
      delivered: false,
      reason: 'gone',
    });
    await broker.createTopic('small', 1);
    const admin = broker.kafka.admin();
    await admin.connect();
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: 'small', configEntries: [{ name: 'max.message.bytes', value: '200' }] }],
    });
    await admin.disconnect();
    const small = await open('small');
    expect(await small.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({
      delivered: false,
      reason: 'too-large',
    });
    await Promise.all([nowhere.close(), small.close()]);
  });

  it('trusts no broker that proves nothing, and finds that nobody is there', async () => {
    const stranger = await open('alerts', { tls: {} });
    expect(await stranger.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({
      delivered: false,
      reason: 'untrusted',
    });
    const nobody = await open('alerts', { brokers: ['localhost:1'] });
    expect(await nobody.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({
      delivered: false,
      reason: 'unreachable',
    });
    await Promise.all([stranger.close(), nobody.close()]);
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['says nothing', () => {}, 'timeout'],
    ['hangs up', (socket) => socket.destroy(), 'unreachable'],
  ])('fails in time when a broker %s', async (_, answer, reason) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      answer(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const sink = await open('alerts', { brokers: [`127.0.0.1:${port}`], plaintext: true, tls: undefined });
    const limit = AbortSignal.timeout(reason === 'timeout' ? 1000 : 10_000);
    expect(await sink.deliver(messageOf([alertOf(1)]), limit)).toMatchObject({ delivered: false, reason });
    await sink.close();
    server.close();
  });

  it('goes on with a broker that was away', async () => {
    await broker.createTopic('again', 1);
    const sink = await open('again');
    expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({ delivered: true });
    await broker.stop('SIGKILL');
    expect(await sink.deliver(messageOf([alertOf(2)]), signal())).toMatchObject({ delivered: false });
    await broker.start();
    while (!(await sink.deliver(messageOf([alertOf(2)]), signal())).delivered) await sleep(200);
    expect((await read('again', 2)).map(({ key }) => key)).toEqual([alertOf(1).id, alertOf(2).id]);
    await sink.close();
  });
});
