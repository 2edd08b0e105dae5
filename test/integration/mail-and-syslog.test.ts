import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sink } from '../../src/send/sink.ts';
import { EmailOptions, openEmail } from '../../src/send/sinks/email.ts';
import { openSyslog, SyslogOptions } from '../../src/send/sinks/syslog.ts';
import { flowsentry } from '../cli/run.ts';
import { filledWith, messageOf } from '../contracts/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { createAuthority } from './rigs/certificates.ts';
import { type Exim, startExim } from './rigs/exim.ts';
import { type Rsyslog, startRsyslog } from './rigs/rsyslog.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-mail-'));
// Servers run as users of their own.
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const authority = createAuthority(at('ca'));
const server = authority.issue('server', { altNames: 'DNS:localhost' });
const client = authority.issue('client', { usage: 'clientAuth' });
const ca = authority.certFile;
const signal = () => AbortSignal.timeout(10_000);
const base = { type: 'email', name: 'mail', host: 'localhost', from: 'flowsentry@example.org' };

describe("Debian's exim", () => {
  let exim: Exim;
  beforeAll(async () => {
    exim = await startExim(at('exim'), server);
    writeFileSync(at('password'), exim.password, { mode: 0o600 });
    writeFileSync(at('wrong'), 'another one', { mode: 0o600 });
  });
  afterAll(() => exim.stop());
  const open = (more: object = {}): Promise<Sink> =>
    openEmail(
      EmailOptions.parse({
        ...{ ...base, port: exim.port, to: ['soc@example.org'], tls: { ca } },
        ...{ user: exim.user, password: { file: at('password') }, ...more },
      }),
    );

  it.each(['starttls', 'tls'] as const)('takes mail over %s, of whoever logs in', async (security) => {
    const sink = await open({ security, port: security === 'tls' ? exim.tlsPort : exim.port });
    const key = security.padEnd(32, '0');
    const outcome = await sink.deliver(messageOf([alertOf(1)], { key }), signal());
    expect(outcome).toMatchObject({ delivered: true, answer: expect.stringMatching(/^250 OK id=/) });
    await expect.poll(() => exim.mails().filter((mail) => mail.includes(key)).length).toBe(1);
    expect(exim.log()).toMatch(
      new RegExp(`<= flowsentry@example.org .*X=TLS1\\.3.*A=plain:${exim.user}.*id=${key}@`),
    );
    await sink.close();
  });

  it.each([
    ['a wrong password', { password: { file: '' } }, 'unauthorized'],
    ['no login', { user: undefined, password: undefined }, 'gone'],
    ['a mailbox that is not there', { to: ['gone@example.org'] }, 'gone'],
    ['one that is greylisted', { to: ['greylisted@example.org'] }, 'unavailable'],
    ['a CA that did not certify it', { tls: {} }, 'untrusted'],
  ])('refuses with %s', async (what, more, reason) => {
    const wrong = what === 'a wrong password' ? { password: { file: at('wrong') } } : {};
    const sink = await open({ ...more, ...wrong });
    expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({ delivered: false, reason });
    await sink.close();
  });

  it('delivers hostile texts as Python reads them: one subject, two parts, nothing added', async () => {
    const sink = await open();
    const before = exim.mails().length;
    for (const [i, text] of HOSTILE.entries()) {
      const message = messageOf([filledWith(text)], { key: `hostile-${i}`.padEnd(32, '0') });
      expect(await sink.deliver(message, signal())).toMatchObject({ delivered: true });
    }
    await expect.poll(() => exim.mails().length - before, { timeout: 20_000 }).toBe(HOSTILE.length);
    const mails = exim.mails().slice(-HOSTILE.length);
    const script = `import sys, json, email, email.policy
for raw in json.load(sys.stdin):
    m = email.message_from_string(raw, policy=email.policy.default)
    assert not m.defects, m.defects
    print(json.dumps([m['to'], m['bcc'], len(m.get_all('subject')), [p.get_content_type() for p in m.iter_parts()]]))`;
    const read = execFileSync('python3', ['-c', script], { input: JSON.stringify(mails), encoding: 'utf8' });
    const expected = JSON.stringify(['soc@example.org', null, 1, ['text/plain', 'text/html']]);
    expect(
      new Set(
        read
          .trim()
          .split('\n')
          .map((line) => JSON.stringify(JSON.parse(line))),
      ),
    ).toEqual(new Set([expected]));
    await sink.close();
  });

  it('takes the test alert of the command', async () => {
    const config = at('mail.yaml');
    writeFileSync(
      config,
      `sinks: [{type: email, name: mail, host: localhost, port: ${exim.port}, from: a@example.org, to: [b@example.org], user: ${exim.user}, password: {file: password}, tls: {ca: ${ca}}}]\n`,
    );
    const { code, stdout } = await flowsentry(['sinks', 'test', '--config', config]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^mail: delivered, it answered: 250 OK id=/)]);
  });
});

describe("Debian's rsyslog", () => {
  let rsyslog: Rsyslog;
  beforeAll(async () => {
    rsyslog = await startRsyslog(at('rsyslog'), ca, server);
  });
  afterAll(() => rsyslog.stop());
  const open = (more: object = {}): Promise<Sink> =>
    openSyslog(
      SyslogOptions.parse({
        ...{ type: 'syslog', name: 'siem', host: 'localhost', port: rsyslog.port, hostname: 'sensor-1' },
        ...{ tls: { ca, certificate: client.certFile, key: client.keyFile }, ...more },
      }),
    );

  it('takes each alert apart as it was put together', async () => {
    const sink = await open({ facility: 'authpriv' });
    const alerts = [alertOf(1), alertOf(2, { severity: 'critical', title: 'quotes " and ] and \\' })];
    expect(await sink.deliver(messageOf(alerts), signal())).toMatchObject({ delivered: true });
    await expect.poll(() => rsyslog.lines().length).toBe(2);
    const [first, second] = rsyslog.lines();
    expect(first).toMatchObject({
      ...{ hostname: 'sensor-1', 'app-name': 'flowsentry', msgid: 'port-scan', syslogfacility: '10' },
      ...{ syslogseverity: '3', timereported: '2026-03-02T10:00:00.000Z' },
      msg: '\ufeffHigh: 10.0.1.1 tried 60 ports of 10.0.2.9 in vain',
      'structured-data': expect.stringMatching(/^\[flowsentry@32473 key="k{32}" id="0+1" .*\]$/),
    });
    expect(second).toMatchObject({ syslogseverity: '2', msg: '\ufeffCritical: quotes " and ] and \\' });
    await sink.close();
    expect(rsyslog.complaints()).toBe('');
  });

  it.each(['rfc5424', 'cef'])('takes every hostile text as one line (%s)', async (format) => {
    const sink = await open({ format });
    const before = rsyslog.lines().length;
    const alerts = HOSTILE.map((text, i) => ({ ...filledWith(text), id: String(i).padStart(32, '0') }));
    expect(await sink.deliver(messageOf(alerts), signal())).toMatchObject({ delivered: true });
    await expect.poll(() => rsyslog.lines().length - before).toBe(HOSTILE.length);
    for (const line of rsyslog.lines().slice(before)) {
      expect(line).toMatchObject({ hostname: 'sensor-1', 'app-name': 'flowsentry', msgid: 'port-scan' });
      if (format === 'cef') expect(line.msg).toMatch(/^ ?CEF:0\|flowsentry\|flowsentry\|1\|port-scan\|/);
    }
    await sink.close();
  });

  it('takes the test alert of the command', async () => {
    const before = rsyslog.lines().length;
    const files = `{ca: ${ca}, certificate: ${client.certFile}, key: ${client.keyFile}}`;
    const config = at('syslog.yaml');
    writeFileSync(
      config,
      `sinks: [{type: syslog, name: siem, host: localhost, port: ${rsyslog.port}, tls: ${files}}]\n`,
    );
    const { code, stdout } = await flowsentry(['sinks', 'test', '--config', config]);
    expect([code, stdout]).toEqual([
      0,
      'siem: delivered, it answered: written; syslog has no acknowledgement\n',
    ]);
    await expect.poll(() => rsyslog.lines().length - before).toBeGreaterThan(0);
    expect(rsyslog.lines().at(-1)?.['structured-data']).toContain('test="true"');
  });

  it('has nothing of whoever shows no certificate', async () => {
    const sink = await open({ tls: { ca } });
    const before = rsyslog.lines().length;
    expect(await sink.deliver(messageOf([alertOf(3)]), signal())).toMatchObject({ delivered: false });
    expect(rsyslog.lines().length).toBe(before);
    await sink.close();
  });
});
