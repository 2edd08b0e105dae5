import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import kafkajs from 'kafkajs';
import { flowsentry } from '../test/cli/run.ts';
import { startRun } from '../test/cli/service.ts';
import { createAuthority } from '../test/integration/rigs/certificates.ts';
import { startKafka } from '../test/integration/rigs/kafka.ts';

// The live path: a broker holds the records, the service reads them with every detector on and writes history. `node bench/kafka.ts`
const { values } = parseArgs({
  options: { records: { type: 'string', default: '2000000' }, lines: { type: 'string', default: '1' } },
});
const records = Number(values.records);
const linesAMessage = Number(values.lines);

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-bench-kafka-'));
const broker = await startKafka(folder, createAuthority(folder));
try {
  const file = join(folder, 'all.log');
  await flowsentry(['simulate', '--records', String(records), '--seed', '1', '--no-header', '--out', file]);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const admin = broker.kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'bench', numPartitions: 4 }], waitForLeaders: true });
  const producer = broker.kafka.producer();
  await producer.connect();
  const step = 10_000;
  for (let i = 0; i < lines.length; i += step) {
    const messages: { key: string; value: string }[] = [];
    for (let at = i; at < Math.min(i + step, lines.length); at += linesAMessage) {
      const value = lines.slice(at, at + linesAMessage).join('\n');
      messages.push({ key: value.split(' ')[2] ?? '', value });
    }
    await producer.send({ topic: 'bench', compression: kafkajs.CompressionTypes.GZIP, messages });
  }
  await Promise.all([admin.disconnect(), producer.disconnect()]);

  const source = `- {type: kafka, name: k, brokers: ['${broker.address}'], plaintext: true, topics: [bench]}`;
  const service = startRun(join(folder, 'service'), source, '', {}, '2s');
  const written = () => service.logged().filter(({ message }) => message === 'checkpoint written');
  while (written().length === 0) await sleep(20);
  const before = { received: Number(written().at(-1)?.received), seconds: cpuSeconds(service.child.pid) };
  while (written().at(-1)?.received !== lines.length) await sleep(100);
  const cpu =
    (1e6 * (cpuSeconds(service.child.pid) - before.seconds)) / Math.max(1, lines.length - before.received);
  const running = service.logged().find(({ message }) => message === 'running');
  const at = (line: Record<string, unknown> | undefined) => Date.parse(String(line?.time)) / 1000;
  const rate = (from: Record<string, unknown> | undefined) =>
    Math.round(
      (lines.length - Number(from?.received ?? 0)) / (at(written().at(-1)) - at(from)),
    ).toLocaleString('en');
  await service.stop();
  console.log(
    `records/s from Kafka, ${linesAMessage} a message: ${rate(running)} from the start, ${rate(written()[0])} from the first checkpoint on; ${cpu.toFixed(2)} µs of CPU a record`,
  );
} finally {
  await broker.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** CPU time that a process has used, all threads. */
function cpuSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
