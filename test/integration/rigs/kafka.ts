import { execFile, spawn } from 'node:child_process';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import kafkajs, { type Kafka } from 'kafkajs';
import { freePort } from '../../cli/service.ts';
import type { Authority } from './certificates.ts';

const VERSION = '4.1.1';
/** Of the cluster, 16 bytes: one drawn by chance may begin as an option does. */
const ID = 'MkU3OEVBNTcwNTJENDM2Qg';
const run = promisify(execFile);

/** One broker of Apache Kafka in KRaft mode. */
export interface Broker {
  /** The plaintext listener; `tls` asks for a client certificate. */
  readonly address: string;
  readonly tlsAddress: string;
  /** A client of its own, without our code in it. */
  readonly kafka: Kafka;
  /** Kafka's own console producer, a message for each line. */
  produce(topic: string, compression: string, lines: readonly string[]): Promise<void>;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Once more, on what it had. */
  start(): Promise<void>;
}

/** Gets the broker into a folder that later runs find, and starts it. */
export async function startKafka(folder: string, authority: Authority): Promise<Broker> {
  const libraries = join(await install(), '*');
  const [plain, tls, controller] = [await freePort(), await freePort(), await freePort()];
  const server = authority.issue('broker', { altNames: 'DNS:localhost,IP:127.0.0.1' });
  const keys = join(folder, 'broker-all.pem');
  await writeFile(keys, `${server.key}\n${server.cert}`);
  const properties = join(folder, 'server.properties');
  await writeFile(
    properties,
    `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${plain},SSL://127.0.0.1:${tls},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${plain},SSL://127.0.0.1:${tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(folder, 'kafka-logs')}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.flush.interval.messages=100000
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=${keys}
ssl.truststore.type=PEM
ssl.truststore.location=${authority.certFile}
`,
  );
  const java = (main: string, ...args: string[]) => ['-Xmx512m', '-cp', libraries, main, ...args];
  await run('java', java('kafka.tools.StorageTool', 'format', '--standalone', '-t', ID, '-c', properties));
  const address = `127.0.0.1:${plain}`;
  const kafka = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING });
  let stop = async (_: NodeJS.Signals): Promise<void> => {};
  const start = async (): Promise<void> => {
    const child = spawn('java', java('kafka.Kafka', properties), { stdio: 'ignore' });
    const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
    stop = async (signal) => {
      child.kill(signal);
      await ended;
    };
    for (;;) {
      const admin = kafka.admin({ retry: { retries: 0 } });
      try {
        await admin.connect();
        await admin.listTopics();
        return;
      } catch {
        if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`);
        await sleep(200);
      } finally {
        await admin.disconnect();
      }
    }
  };
  await start();
  return {
    address,
    tlsAddress: `localhost:${tls}`,
    kafka,
    start,
    stop: (signal) => stop(signal),
    async produce(topic, compression, lines) {
      const to = ['--bootstrap-server', address, '--topic', topic, '--compression-codec', compression];
      const child = spawn('java', java('org.apache.kafka.tools.ConsoleProducer', ...to), {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      child.stdin.end(`${lines.join('\n')}\n`);
      const code = await new Promise((resolve) => child.on('exit', resolve));
      if (code !== 0) throw new Error(`the console producer ended with ${code}`);
    },
  };
}

async function install(): Promise<string> {
  const folder = join(tmpdir(), 'flowsentry-rigs', `kafka-tools-${VERSION}`);
  if ((await readdir(folder).catch(() => [])).length > 0) return folder;
  const passing = `${folder}.${process.pid}`;
  await run('mvn', [
    ...['-q', '-f', join(import.meta.dirname, 'kafka.xml'), 'dependency:copy-dependencies'],
    `-DoutputDirectory=${passing}`,
  ]);
  await rm(folder, { recursive: true, force: true });
  await rename(passing, folder);
  return folder;
}
