import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/send/sink.ts';
import { openSyslog, SyslogOptions } from '../../../src/send/sinks/syslog.ts';
import { messageOf } from '../../contracts/sink.ts';
import { itIsAStreamSink } from '../../contracts/stream-sink.ts';
import { alertOf } from '../alerts.ts';
import { CA, CLIENT } from '../receiver.ts';
import { type Behaviour, startSyslogServer } from '../syslog-server.ts';

const open = (port: number, more: object = {}) =>
  openSyslog(
    SyslogOptions.parse({
      type: 'syslog',
      name: 'siem',
      host: 'localhost',
      hostname: 'sensor-1',
      port,
      tls: { ca: CA },
      ...more,
    }),
  );
const signal = () => AbortSignal.timeout(5000);

/** RFC 5424's grammar, as strict as it is. */
const LINE =
  /^<(\d{1,3})>1 (\S+) ([\x21-\x7e]+) flowsentry - ([\x21-\x7e]{1,32}) (-|\[flowsentry@32473(?: [A-Za-z]+="(?:[^"\\\]]|\\["\\\]])*")+\]) (.*)$/su;
const field = (raw: string, name: string) => new RegExp(` ${name}="((?:[^"\\\\\\]]|\\\\.)*)"`).exec(raw)?.[1];
/** CEF's header and extension, split where they are not escaped. */
function readCef(raw: string) {
  const text = LINE.exec(raw)?.[6] ?? '';
  const parts = text.split(/(?<!\\)(?:\\\\)*\|/);
  const extension = parts.slice(7).join('|');
  const keys = [...extension.matchAll(/(?:^| )([A-Za-z0-9]+)=/g)].map(([, key]) => key ?? '');
  return { parts, keys, extension };
}

const FAILURES: readonly (readonly [string, Behaviour, 'unreachable' | 'timeout'])[] = [
  ['it hangs up', (socket) => socket.destroy(), 'unreachable'],
  ['it ends the connection', (socket) => void socket.end(), 'unreachable'],
  ['it hangs up while it reads', (socket) => void socket.once('data', () => socket.destroy()), 'unreachable'],
];

for (const format of ['rfc5424', 'cef'] as const)
  itIsAStreamSink<Behaviour>(`syslog (${format})`, {
    start: startSyslogServer,
    open: (port, trusted) => open(port, { format, ...(trusted ? {} : { tls: {} }) }),
    usual: undefined,
    failures: FAILURES,
    secrets: [],
    keyOf: (raw) => (format === 'cef' ? / cs1=(\S+)/.exec(raw)?.[1] : field(raw, 'key')),
    maxBytes: 8192,
    expectDead(raw) {
      expect(raw).toMatch(LINE);
      // The mark of UTF-8 is the only one of its kind.
      expect(raw.replace('] \ufeff', '] ')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      if (format === 'rfc5424') return;
      const { parts, keys } = readCef(raw);
      expect(parts.slice(0, 5)).toEqual(['CEF:0', 'flowsentry', 'flowsentry', '1', 'port-scan']);
      expect(parts[6]).toBe('8');
      expect(new Set(keys).size).toBe(keys.length);
      expect(keys).toEqual(expect.arrayContaining(['rt', 'externalId', 'msg', 'cs1', 'cfp1Label']));
    },
  });

describe('syslog', () => {
  it('has the alert as structured data and as a sentence', async () => {
    const sink = await open(1);
    expect(sink.preview(messageOf([alertOf(1, { title: 'a "quoted" ] \\ title' })]))).toBe(
      `<131>1 2026-03-02T10:00:00.000Z sensor-1 flowsentry - port-scan [flowsentry@32473 key="${'k'.repeat(32)}" id="${alertOf(1).id}" state="firing" severity="high" score="0.8" count="60" subject="10.0.1.1" peer="10.0.2.9" protocol="6" interface="eni-0a1b2c3d" account="123456789012" firstSeen="2026-01-05T00:00:00.000Z" lastSeen="2026-01-05T00:10:00.000Z" attack="T1046" observed="60" usual="0" threshold="12" formula="ports >= threshold"] \ufeffHigh: a "quoted" ] \\ title`,
    );
    const rule = alertOf(1, {
      state: 'resolved',
      explanation: { ...alertOf(1).explanation, formula: 'a "b" ] \\' },
    });
    const over = sink.preview(messageOf([rule]));
    expect(over).toMatch(/^<133>1 /);
    expect(over).toContain('formula="a \\"b\\" \\] \\\\"]');
    await sink.close();
  });

  it('is a CEF event when asked', async () => {
    const sink = await open(1, { format: 'cef', facility: 'authpriv' });
    const alert = alertOf(1, { title: 'a|b=c\\d', subject: '2001:db8::1', peer: 'a=b|c', port: 443 });
    expect(sink.preview(messageOf([alert]))).toBe(
      `<83>1 2026-03-02T10:00:00.000Z sensor-1 flowsentry - port-scan - CEF:0|flowsentry|flowsentry|1|port-scan|a\\|b=c\\\\d|8|rt=1772445600000 start=1767571200000 end=1767571800000 externalId=${alert.id} act=firing cnt=60 c6a2=2001:db8::1 c6a2Label=source address dhost=a\\=b|c dpt=443 proto=TCP deviceExternalId=eni-0a1b2c3d msg=High: a|b\\=c\\\\d (2001:db8::1 → a\\=b|c:443) cs1=${'k'.repeat(32)} cs1Label=key cs2=T1046 cs2Label=attack cs3=60 cs3Label=observed cs4=0 cs4Label=usual cs5=12 cs5Label=threshold cs6=123456789012 cs6Label=account cfp1=0.8 cfp1Label=score`,
    );
    await sink.close();
  });

  it('keeps one connection, and makes it anew when the other side closed it', async () => {
    const server = await startSyslogServer();
    const sink = await open(server.port);
    for (let i = 0; i < 3; i++)
      expect(await sink.deliver(messageOf([alertOf(i), alertOf(i + 10)]), signal())).toMatchObject({
        delivered: true,
      });
    expect(server.connections()).toBe(1);
    server.hangUp();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await sink.deliver(messageOf([alertOf(7)]), signal())).toMatchObject({ delivered: true });
    expect(server.connections()).toBe(2);
    await expect.poll(() => server.received.length).toBe(7);
    await sink.close();
    await server.close();
  });

  it('says of alerts that found no place how many they were', async () => {
    const sink = await open(1);
    const dropped = [{ detector: 'port-scan', severity: 'high', alerts: 1200 }] as const;
    const lines = sink.preview(messageOf([alertOf(1)], { dropped })).split('\n');
    expect(lines[1]).toContain('1,200 alerts found no place');
    await sink.close();
  });

  it('is not delivered to a server that never reads, nor to one that never answers a handshake', async () => {
    const server = await startSyslogServer();
    server.behave((socket) => void socket.pause());
    const sink = await open(server.port);
    const many = messageOf(
      Array.from({ length: 2000 }, (_, i) => alertOf(i, { title: 'x'.repeat(1000), query: '' })),
    );
    const outcomes: Outcome[] = [];
    do outcomes.push(await sink.deliver(many, AbortSignal.timeout(700)));
    while (outcomes.at(-1)?.delivered === true && outcomes.length < 20);
    expect(outcomes.at(-1)).toMatchObject({ delivered: false, reason: 'timeout' });
    await sink.close();
    await server.close();
    const mute = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const other = await open((mute.address() as AddressInfo).port);
    expect(await other.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(300))).toMatchObject({
      delivered: false,
      reason: 'timeout',
    });
    await other.close();
    mute.close();
  });

  it('is refused by a server that wants a certificate, and hears of it though TLS 1.3 tells late', async () => {
    const server = await startSyslogServer(true);
    const bare = await open(server.port);
    expect(await bare.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({ delivered: false });
    const sink = await open(server.port, {
      tls: { ca: CA, certificate: CLIENT.certFile, key: CLIENT.keyFile },
    });
    expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({ delivered: true });
    await Promise.all([bare.close(), sink.close()]);
    await server.close();
  });
});
