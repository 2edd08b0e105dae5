import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { BIN, temporaryFolder } from '../cli/run.ts';
import { rowsOf, startRun } from '../cli/service.ts';
import { simulated } from './kills.ts';
import { type Authority, createAuthority } from './rigs/certificates.ts';
import { type Broker, startKafka } from './rigs/kafka.ts';

/** Can be raised for a release. */
const KILLS = Number(process.env.FLOWSENTRY_KILLS ?? 4);
const RECORDS = Number(process.env.FLOWSENTRY_KILL_RECORDS ?? 20_000);

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-forward-'));
let authority: Authority;
let broker: Broker;

beforeAll(async () => {
  authority = createAuthority(folder);
  broker = await startKafka(folder, authority);
});
afterAll(async () => {
  await broker?.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** `flowsentry forward` on a folder of its own. */
function startForward(root: string, source: string, to: string) {
  mkdirSync(root, { recursive: true });
  const config = join(root, 'forward.yaml');
  writeFileSync(config, `sources:\n  - ${source}\nforward: ${to}\n`);
  const child: ChildProcess = spawn(
    process.execPath,
    [BIN, 'forward', '--config', config, '--data', join(root, 'positions')],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    child,
    ended,
    log: () => stderr,
    async stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

const countOf = async (data: string): Promise<number> =>
  ((await readManifest(data))?.segments ?? [])
    .filter(({ table }) => table === 'flows')
    .reduce((sum, { rows }) => sum + rows, 0);

const COLUMNS =
  'interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start, "end", action';

async function total(folders: readonly string[]): Promise<{ n: number; sum: string }> {
  let n = 0;
  let sum = 0n;
  for (const data of folders) {
    const [row] = (await rowsOf(
      data,
      `SELECT count(*)::INT AS n, coalesce(sum(hash(${COLUMNS})), 0)::VARCHAR AS sum FROM flows`,
    )) as [{ n: number; sum: string }];
    n += row.n;
    sum += BigInt(row.sum);
  }
  return { n, sum: String(sum) };
}

/** The lines in an order of fields that is nobody's default. */
function reordered(lines: readonly string[]): string[] {
  const header =
    'account-id action bytes dstaddr dstport end interface-id log-status packets protocol srcaddr srcport start version';
  return [
    header,
    ...lines.map((line) => {
      const [
        version,
        account,
        eni,
        src,
        dst,
        srcPort,
        dstPort,
        protocol,
        packets,
        bytes,
        start,
        end,
        action,
        ok,
      ] = line.split(' ');
      return [
        account,
        action,
        bytes,
        dst,
        dstPort,
        end,
        eni,
        ok,
        packets,
        protocol,
        src,
        srcPort,
        start,
        version,
      ].join(' ');
    }),
  ];
}

describe('flowsentry forward', () => {
  it('gives workers of a group what one would have read itself, however often it is killed', async () => {
    const root = temporaryFolder();
    const lines = await simulated(root, RECORDS, 3);
    await broker.createTopic('forwarded', 4);
    const logs = join(root, 'logs');
    mkdirSync(logs);
    // A file in the default format and one in a format that only its header names.
    const half = Math.floor(lines.length / 2);
    writeFileSync(join(logs, 'a.log'), `${lines.slice(0, half).join('\n')}\n`);
    const source = `{type: file, name: collected, paths: ['${logs}'], interval: 0.1}`;
    const to = `{brokers: ['${broker.address}'], plaintext: true, topic: forwarded}`;
    const start = () => startForward(join(root, 'forward'), source, to);
    const random = new Random(6, 'kills');
    let forward = start();
    for (let i = 0; i < KILLS; i++) {
      while (!forward.log().includes('"forwarding"')) await sleep(50);
      if (i === 0) writeFileSync(join(logs, 'b.log'), `${reordered(lines.slice(half)).join('\n')}\n`);
      await sleep(random.int(1500));
      forward.child.kill('SIGKILL');
      await forward.ended;
      forward = start();
    }
    const kafka = `- {type: kafka, name: k, brokers: ['${broker.address}'], plaintext: true, topics: [forwarded], sessionTimeout: 6}`;
    const workers = ['one', 'two'].map((name) => startRun(join(root, name), kafka));
    const folders = workers.map(({ data }) => data);
    let stored = 0;
    let since = performance.now();
    while (stored < lines.length && performance.now() - since < 60_000) {
      await sleep(300);
      const now = (await Promise.all(folders.map(countOf))).reduce((a, b) => a + b, 0);
      if (now > stored) since = performance.now();
      stored = now;
    }
    expect(stored, `${forward.log()}\n${workers.map((one) => JSON.stringify(one.logged())).join('\n')}`).toBe(
      lines.length,
    );
    expect(await forward.stop()).toBe(0);
    for (const worker of workers) expect(await worker.stop()).toBe(0);
    const whole = startRun(join(root, 'whole'), `- ${source}`);
    while ((await countOf(whole.data)) < lines.length) await sleep(300);
    expect(await whole.stop()).toBe(0);
    expect(await total(folders)).toEqual(await total([whole.data]));
  });

  it('shows its certificate, and ends for what only a person can mend', async () => {
    const root = temporaryFolder();
    await broker.createTopic('secure', 1);
    const logs = join(root, 'logs');
    mkdirSync(logs);
    writeFileSync(join(logs, 'a.log'), '{"interface_id":"eni-12345678","srcaddr":"10.0.0.1"}\n');
    const client = authority.issue('forwarder', { usage: 'clientAuth' });
    const tls = `{ca: '${authority.certFile}', certificate: '${client.certFile}', key: '${client.keyFile}'}`;
    const source = `{type: file, name: collected, paths: ['${logs}'], interval: 0.1}`;
    const secure = startForward(
      join(root, 'secure'),
      source,
      `{brokers: ['${broker.tlsAddress}'], tls: ${tls}, topic: secure, compression: none}`,
    );
    const found: (string | undefined)[] = [];
    const consumer = broker.kafka.consumer({ groupId: 'looks' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'secure', fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => void found.push(message.key?.toString(), message.value?.toString()),
    });
    while (found.length === 0) await sleep(100);
    await consumer.disconnect();
    expect(found).toEqual(['eni-12345678', '{"interface_id":"eni-12345678","srcaddr":"10.0.0.1"}']);
    expect(await secure.stop()).toBe(0);
    const own = startForward(
      join(root, 'own'),
      `{type: kafka, name: k, brokers: ['${broker.address}'], plaintext: true, topics: [secure]}`,
      `{brokers: ['${broker.address}'], plaintext: true, topic: secure}`,
    );
    expect(await own.ended).toBe(2);
    expect(own.log()).toContain('reads the topic secure that it would write to');
  });

  it('goes on when the broker was away, and ends when it is told to meanwhile', async () => {
    const root = temporaryFolder();
    await broker.createTopic('away', 1);
    const logs = join(root, 'logs');
    mkdirSync(logs);
    const source = `{type: file, name: collected, paths: ['${logs}'], interval: 0.1}`;
    const to = `{brokers: ['${broker.address}'], plaintext: true, topic: away}`;
    const document = (i: number): string => `{"interface_id":"eni-12345678","bytes":${i}}\n`;
    const start = () => startForward(join(root, 'away'), source, to);
    const first = start();
    while (!first.log().includes('"forwarding"')) await sleep(50);
    writeFileSync(join(logs, 'a.log'), document(1));
    while (!first.log().includes('checkpoint written')) await sleep(50);
    await broker.stop('SIGKILL');
    writeFileSync(join(logs, 'b.log'), document(2));
    await sleep(2000);
    expect(await first.stop()).toBe(0);
    const second = start();
    await sleep(1000);
    await broker.start();
    while (!second.log().includes('checkpoint written')) await sleep(50);
    expect(await second.stop()).toBe(0);
    const found: string[] = [];
    const consumer = broker.kafka.consumer({ groupId: 'looks too' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'away', fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void found.push(`${message.value}\n`) });
    while (found.length < 2) await sleep(100);
    await consumer.disconnect();
    expect(found).toEqual([document(1), document(2)]);
  });
});
