import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { contacts, listed } from '../cli/many-alerts.ts';
import { BIN, temporaryFolder } from '../cli/run.ts';
import { freePort, startRun } from '../cli/service.ts';
import { type Answer, CA, type Receiver, startReceiver } from '../send/receiver.ts';

const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
const hook = (name: string, url: string) =>
  `{type: webhook, name: ${name}, url: "${url}/in", rate: 100000, tls: {ca: ${CA}}}`;

/** Tells of a figure: on a shared machine it decides nothing. */
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

describe('sinks that are away', () => {
  it('all of them: alerts stand in the log, the health page says so, and nobody is missed in the end', async () => {
    const root = temporaryFolder();
    let isDown = true;
    const failing = await startReceiver((_, response) => response.writeHead(isDown ? 503 : 200).end());
    const hanging = await startReceiver((_, response) => {
      if (!isDown) response.end();
    });
    const port = await freePort();
    const service = startRun(
      root,
      SOURCE,
      `${listed(root)}sinks: [${hook('down', failing.url)}, ${hook('hangs', hanging.url)}, ${hook('none', 'https://localhost:1')}]\nroute: {groupWait: 0}\nserve: {port: ${port}}\n`,
    );
    const health = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
      return [answer.status, await answer.text()];
    };
    await service.saying('running');
    expect(await health()).toEqual([200, 'ok\n']);
    const began = Date.now();
    writeFileSync(join(service.logs, 'a.log'), contacts(1, 4, 0));
    const named = () =>
      service
        .logged()
        .filter(({ message }) => message === 'nobody can be told of an alert')
        .map(({ alert }) => (alert as { subject: string }).subject);
    while (named().length < 3) await sleep(200);
    tell(
      `S11: three alerts in the log ${((Date.now() - began) / 1000).toFixed(0)} s after their records came`,
    );
    expect(named().sort()).toEqual(['10.1.0.1', '10.1.0.2', '10.1.0.3']);
    expect(await health()).toEqual([200, 'ok, but no sink takes messages\n']);

    isDown = false;
    await service.saying('sinks take messages again');
    const told = ({ received }: Receiver) =>
      new Set(
        received.flatMap(({ json }) => json.data.alerts.map(({ subject }: { subject: string }) => subject)),
      );
    while (told(failing).size < 3 || told(hanging).size < 3) await sleep(200);
    expect(await health()).toEqual([200, 'ok\n']);
    expect(named()).toHaveLength(3);
    expect(await service.stop()).toBe(0);
    await Promise.all([failing.close(), hanging.close()]);
  });

  it('one of them: another is told as soon as without it', async () => {
    const quick = await startReceiver();
    const slow = await startReceiver((_, response) => void setTimeout(() => response.end(), 30_000).unref());
    const rounds = 40;
    /** Milliseconds from records that are written to the page that is delivered, sorted. */
    const delays = async (sinks: readonly string[]): Promise<number[]> => {
      quick.received.length = 0;
      const root = temporaryFolder();
      const service = startRun(
        root,
        SOURCE,
        `${listed(root)}sinks: [${sinks.join(', ')}]\nroute: {groupWait: 0}\n`,
      );
      await service.saying('running');
      const found: number[] = [];
      for (let i = 0; i < rounds; i++) {
        const began = Date.now();
        appendFileSync(join(service.logs, 'a.log'), contacts(i + 1, i + 2, i * 20));
        while (quick.received.length <= i) await sleep(2);
        found.push((quick.received[i]?.at ?? 0) - began);
        await sleep((i * 97) % 500);
      }
      expect(await service.stop()).toBe(0);
      expect(quick.received).toHaveLength(rounds);
      return found.sort((a, b) => a - b);
    };
    const alone = await delays([hook('quick', quick.url)]);
    const beside = await delays([hook('slow', slow.url), hook('quick', quick.url)]);
    expect(slow.received.length).toBeGreaterThan(0);
    const shown = (all: number[]) =>
      `median ${all[rounds >> 1]} ms, p99 ${all[Math.ceil(rounds * 0.99) - 1]} ms`;
    tell(`S10: records to page, alone: ${shown(alone)}; beside a sink that takes 30 s: ${shown(beside)}`);
    await Promise.all([quick.close(), slow.close()]);
  });

  it('in the worst of ways: each costs an attempt, and no memory', async () => {
    const root = temporaryFolder();
    let sent = 0;
    const flood: Answer = (_, response, socket) => {
      const chunk = Buffer.alloc(65_536, 'x');
      response.writeHead(200);
      const more = (): void => {
        while (!socket.destroyed && sent < 1e10) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
      };
      more();
    };
    const ways: [string, Answer, RegExp][] = [
      ['10 GB', flood, /bad-answer/],
      ['nothing', () => {}, /timeout/],
      [
        'a byte a second',
        (_, response) => {
          response.writeHead(200);
          const timer = setInterval(() => response.write('a'), 1000).unref();
          response.on('close', () => clearInterval(timer));
        },
        /timeout/,
      ],
      ['a half-closed connection', (_, __, socket) => void socket.end(), /unreachable/],
      [
        'an answer that breaks off',
        (_, response, socket) => {
          response.writeHead(200, { 'content-length': '1000' }).write('a');
          setTimeout(() => socket.destroy(), 50);
        },
        /unreachable/,
      ],
      ['another protocol', (_, __, socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'), /bad-answer/],
    ];
    const receiver = await startReceiver();
    const config = join(root, 'flowsentry.yaml');
    mkdirSync(root, { recursive: true });
    writeFileSync(config, `sinks: [${hook('worst', receiver.url)}]\n`);
    /** What a process that delivers one message says, and its highest RSS in MB. */
    const deliver = async (): Promise<{ text: string; peak: number }> => {
      const child = spawn(process.execPath, [BIN, 'sinks', 'test', '--config', config]);
      let text = '';
      child.stdout.on('data', (part) => (text += part));
      let peak = 0;
      const look = setInterval(() => {
        try {
          const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
          peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
        } catch {
          // It has ended.
        }
      }, 5);
      await new Promise((resolve) => child.on('close', resolve));
      clearInterval(look);
      return { text, peak };
    };
    const peaks: number[] = [];
    for (let i = 0; i < 3; i++) peaks.push((await deliver()).peak);
    const usual = Math.max(...peaks);
    const figures: string[] = [];
    for (const [way, answer, reason] of ways) {
      receiver.answer(answer);
      const { text, peak } = await deliver();
      expect(text).toMatch(reason);
      expect(peak - usual).toBeLessThan(16);
      figures.push(`${way} ${(peak - usual).toFixed(1)}`);
    }
    // What fits into the buffers of two systems.
    expect(sent).toBeLessThan(50e6);
    tell(
      `S4: RSS beyond the ${usual.toFixed(0)} MB of a delivery, MB: ${figures.join(', ')}; of 10 GB ${(sent / 1e6).toFixed(1)} MB left`,
    );
    await receiver.close();
  });
});
