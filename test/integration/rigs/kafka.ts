import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import kafkajs, { type Admin, type ITopicMetadata, type Kafka, type PartitionMetadata } from 'kafkajs';
import { freePort } from '../../cli/service.ts';
import type { Authority } from './certificates.ts';

const VERSION = '4.1.1';
/** Of the cluster, 16 bytes: one drawn by chance may begin as an option does. */
const ID = 'MkU3OEVBNTcwNTJENDM2Qg';
const run = promisify(execFile);

/** One process of Apache Kafka. */
interface Node {
  readonly address: string;
  readonly tlsAddress: string;
  readonly saslAddress: string;
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Once more, on what it had. */
  start(): Promise<void>;
}

/**
 * A broker of Apache Kafka in KRaft mode, which is the controller too; `tlsAddress` asks for a client certificate, `saslAddress` for a
 * password (SCRAM-SHA-512) or a token.
 */
export interface Broker extends Node {
  /** Where all brokers listen without TLS. */
  readonly addresses: readonly string[];
  /** The second one, which is no controller. */
  readonly second: Node | undefined;
  /** A client of its own, without our code in it. */
  readonly kafka: Kafka;
  /** Kafka's own console producer, a message for each line. */
  produce(topic: string, compression: string, lines: readonly string[]): Promise<void>;
  /** Makes a topic, on all brokers, and waits until each of them knows it and its leaders. */
  createTopic(topic: string, partitions: number, settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Of a user, who is made when there is none; other passwords of the user no longer hold. */
  setPassword(user: string, password: string): Promise<void>;
  /** Makes the other of two brokers the coordinator of a group, and waits until it is; nothing is stopped for it. */
  moveCoordinator(groupId: string): Promise<void>;
}

/** Partitions of the topic that offsets are in. */
const OFFSETS_PARTITIONS = 4;

/** Gets the broker into a folder that later runs find, and starts it, or two of them. */
export async function startKafka(folder: string, authority: Authority, brokers: 1 | 2 = 1): Promise<Broker> {
  const libraries = join(await install(), '*');
  const java = (main: string, ...args: string[]) => ['-Xmx512m', '-cp', libraries, main, ...args];
  const controller = await freePort();
  const nodes: Node[] = [];
  for (let id = 1; id <= brokers; id++) nodes.push(await createNode(id));
  const addresses = nodes.map(({ address }) => address);
  const kafka = new kafkajs.Kafka({ brokers: addresses, logLevel: kafkajs.logLevel.NOTHING });
  for (const node of nodes) await node.start();
  const [first, second] = nodes as [Node, Node?];
  return {
    ...first,
    addresses,
    second,
    kafka,
    async stop(signal) {
      await Promise.all(nodes.map((node) => node.stop(signal)));
    },
    async produce(topic, compression, lines) {
      const to = ['--bootstrap-server', first.address, '--topic', topic, '--compression-codec', compression];
      const child = spawn('java', java('org.apache.kafka.tools.ConsoleProducer', ...to), {
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      child.stdin.end(`${lines.join('\n')}\n`);
      const code = await new Promise((resolve) => child.on('exit', resolve));
      if (code !== 0) throw new Error(`the console producer ended with ${code}`);
    },
    async createTopic(topic, partitions, settings = {}) {
      const admin = kafka.admin();
      await admin.connect();
      const replicationFactor = brokers;
      const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
      await admin.createTopics({
        topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
        waitForLeaders: false,
      });
      await admin.disconnect();
      for (const address of addresses) {
        const alone = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING }).admin();
        await alone.connect();
        while ((await leadersOf(alone, topic)).length < partitions) await sleep(100);
        await alone.disconnect();
      }
    },
    async setPassword(user, password) {
      const to = ['--bootstrap-server', first.address, '--entity-type', 'users', '--entity-name', user];
      const credential = `SCRAM-SHA-512=[iterations=4096,password=${password}]`;
      await run('java', java('kafka.admin.ConfigCommand', ...to, '--alter', '--add-config', credential));
    },
    async moveCoordinator(groupId) {
      const admin = kafka.admin();
      await admin.connect();
      const partition = Math.abs(javaHash(groupId)) % OFFSETS_PARTITIONS;
      const leader = async (): Promise<number | undefined> =>
        (await leadersOf(admin, '__consumer_offsets')).find((one) => one.partitionId === partition)?.leader;
      while ((await leader()) === undefined) await sleep(200);
      const next = (await leader()) === 1 ? 2 : 1;
      // The first replica is who should lead, and the controller sees to it.
      const partitionAssignment = [{ partition, replicas: [next, 3 - next] }];
      await admin.alterPartitionReassignments({
        topics: [{ topic: '__consumer_offsets', partitionAssignment }],
      });
      while ((await leader()) !== next) await sleep(200);
      await admin.disconnect();
    },
  };

  async function createNode(id: number): Promise<Node> {
    const [plain, tls, sasl] = [await freePort(), await freePort(), await freePort()];
    const place = join(folder, `node-${id}`);
    await mkdir(place);
    const server = authority.issue(`broker-${id}`, { altNames: 'DNS:localhost,IP:127.0.0.1' });
    const keys = join(place, 'all.pem');
    await writeFile(keys, `${server.key}\n${server.cert}`);
    const properties = join(place, 'server.properties');
    const own = [`PLAINTEXT://127.0.0.1:${plain}`, `SSL://127.0.0.1:${tls}`, `SASL_SSL://127.0.0.1:${sasl}`];
    const isController = id === 1;
    await writeFile(
      properties,
      `process.roles=broker${isController ? ',controller' : ''}
node.id=${id}
controller.quorum.bootstrap.servers=127.0.0.1:${controller}
listeners=${[...own, ...(isController ? [`CONTROLLER://127.0.0.1:${controller}`] : [])].join(',')}
advertised.listeners=${own.join(',')}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(place, 'logs')}
auto.create.topics.enable=false
offsets.topic.num.partitions=${OFFSETS_PARTITIONS}
offsets.topic.replication.factor=${brokers}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
leader.imbalance.check.interval.seconds=1
leader.imbalance.per.broker.percentage=0
log.flush.interval.messages=100000
ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
ssl.keystore.type=PEM
ssl.keystore.location=${keys}
ssl.truststore.type=PEM
ssl.truststore.location=${authority.certFile}
`,
    );
    const format = isController ? ['format', '--standalone'] : ['format'];
    await run('java', java('kafka.tools.StorageTool', ...format, '-t', ID, '-c', properties));
    const address = `127.0.0.1:${plain}`;
    const alone = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING });
    let stop = async (_: NodeJS.Signals): Promise<void> => {};
    return {
      address,
      tlsAddress: `localhost:${tls}`,
      saslAddress: `localhost:${sasl}`,
      stop: (signal) => stop(signal),
      async start() {
        const child = spawn('java', java('kafka.Kafka', properties), { stdio: 'ignore' });
        const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
        stop = async (signal) => {
          child.kill(signal);
          await ended;
        };
        for (;;) {
          const admin = alone.admin({ retry: { retries: 0 } });
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
      },
    };
  }
}

/** Partitions that have a leader; none as long as the topic is not known. */
async function leadersOf(admin: Admin, topic: string): Promise<PartitionMetadata[]> {
  const { topics } = await admin
    .fetchTopicMetadata({ topics: [topic] })
    .catch((): { topics: ITopicMetadata[] } => ({ topics: [] }));
  return (topics[0]?.partitions ?? []).filter(({ leader }) => leader >= 0);
}

/** The hash of a text as Java has it, by which a group finds its partition. */
function javaHash(text: string): number {
  let hash = 0;
  for (const c of text) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) | 0;
  return hash;
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
