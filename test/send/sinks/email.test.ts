import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FailureReason } from '../../../src/send/sink.ts';
import { type EmailOptions, openEmail, EmailOptions as Schema } from '../../../src/send/sinks/email.ts';
import { temporaryFolder } from '../../cli/run.ts';
import { messageOf } from '../../contracts/sink.ts';
import { itIsAStreamSink } from '../../contracts/stream-sink.ts';
import { alertOf } from '../alerts.ts';
import { CA } from '../receiver.ts';
import { type Behaviour, readMail, startSmtpServer } from '../smtp-server.ts';

const folder = temporaryFolder();
const PASSWORD = 'canary-of-the-mail';
const passwordFile = join(folder, 'password');
writeFileSync(passwordFile, PASSWORD, { mode: 0o600 });
const options = (port: number, more: object = {}): EmailOptions =>
  Schema.parse({
    type: 'email',
    name: 'mail',
    host: 'localhost',
    port,
    from: 'flowsentry@example.org',
    to: ['soc@example.org'],
    tls: { ca: CA },
    ...more,
  });
const login = { user: 'flowsentry', password: { file: passwordFile } };
/** The other side repeats what it was told, as some do. */
const echo =
  (code: number): Behaviour[string] =>
  (socket, line) =>
    void socket.write(`${code} it says: ${line} ${PASSWORD}\r\n`);
const hangUp = (socket: Socket): void => void socket.destroy();
const plainEhlo = '250-localhost\r\n250 SIZE 1000';

const FAILURES: readonly (readonly [string, Behaviour, FailureReason])[] = [
  ['421 at the greeting', { GREETING: '421 4.3.2 shutting down' }, 'unavailable'],
  ['554 at the greeting', { GREETING: '554 5.7.1 go away' }, 'refused'],
  ['521: it takes no mail', { GREETING: '521 5.3.2 no mail here' }, 'gone'],
  ['another language', { GREETING: 'SSH-2.0-OpenSSH_9.2' }, 'bad-answer'],
  ['far too much', { GREETING: `220 ${'x'.repeat(200_000)}` }, 'bad-answer'],
  ['silence', { GREETING: () => {} }, 'timeout'],
  ['a line that never ends', { GREETING: (socket) => void socket.write('220-') }, 'timeout'],
  ['it hangs up', { GREETING: hangUp }, 'unreachable'],
  ['no STARTTLS', { EHLO: plainEhlo, STARTTLS: '502 5.5.1 no' }, 'untrusted'],
  ['STARTTLS not now', { STARTTLS: '454 4.7.0 later' }, 'unavailable'],
  ['535 at AUTH, echoing', { AUTH: echo(535) }, 'unauthorized'],
  ['534 at AUTH', { AUTH: '534 5.7.9 stronger please' }, 'unauthorized'],
  ['454 at AUTH', { AUTH: '454 4.7.0 later' }, 'unavailable'],
  ['530 at MAIL', { MAIL: '530 5.7.0 log in first' }, 'unauthorized'],
  ['450 at MAIL, too fast', { MAIL: '450 4.7.28 too fast' }, 'rate-limited'],
  ['452 at MAIL', { MAIL: '452 4.3.1 disk full' }, 'unavailable'],
  ['550 at RCPT: no such mailbox', { RCPT: '550 5.1.1 who?' }, 'gone'],
  ['550 at RCPT: no relaying', { RCPT: '550 5.7.1 no relaying' }, 'unauthorized'],
  ['450 at RCPT: greylisted', { RCPT: '450 4.2.0 greylisted' }, 'unavailable'],
  ['552 after the data', { END: '552 5.3.4 too large' }, 'too-large'],
  ['554 after the data', { END: '554 5.6.0 looks like spam' }, 'refused'],
  ['451 after the data', { END: '451 4.3.0 try again' }, 'unavailable'],
  ['it hangs up after the data', { END: hangUp }, 'unreachable'],
  ['it says nothing after the data', { END: () => {} }, 'timeout'],
];

itIsAStreamSink<Behaviour>('email', {
  start: () => startSmtpServer(),
  open: (port, trusted) => openEmail(options(port, { ...login, ...(trusted ? {} : { tls: {} }) })),
  usual: {},
  failures: FAILURES,
  secrets: [PASSWORD, Buffer.from(`\0flowsentry\0${PASSWORD}`).toString('base64')],
  keyOf: (raw) => readMail(raw).headers['message-id'],
  maxBytes: 100_000,
  expectDead(raw) {
    const { headers, parts } = readMail(raw);
    expect(Object.keys(headers).sort()).toEqual([
      'auto-submitted',
      'content-type',
      'date',
      'from',
      'message-id',
      'mime-version',
      'subject',
      'to',
      'x-auto-response-suppress',
      'x-flowsentry-key',
    ]);
    expect(headers.to).toBe('soc@example.org');
    expect(parts.map((part) => part.headers['content-type'])).toEqual([
      'text/plain; charset=utf-8',
      'text/html; charset=utf-8',
    ]);
    const [text = '', html = ''] = parts.map(({ body }) => body);
    const unseen = /[^\P{Cc}\r\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;
    for (const shown of [headers.subject ?? '', text, html]) {
      expect(shown).not.toMatch(unseen);
      // Nothing that a program makes a link of.
      expect(shown).not.toMatch(/\bhttps?:\/\/evil|evil\.example|mailto:|tel:|javascript:/i);
    }
    const tags = [...html.matchAll(/<\/?([a-z0-9]+|!doctype)\b/gi)].map(([, tag]) => tag?.toLowerCase());
    const ours = 'html head meta body div h1 h2 p ul li table tr th td code pre br !doctype'.split(' ');
    expect(tags.filter((tag) => !ours.includes(tag ?? ''))).toEqual([]);
  },
});

describe('mail', () => {
  const signal = () => AbortSignal.timeout(5000);

  it('says the same as text and as HTML, and is a thread', async () => {
    const server = await startSmtpServer();
    const sink = await openEmail(options(server.port), 'https://flowsentry.example.org');
    const first = await sink.deliver(messageOf([alertOf(1)]), signal());
    expect(first).toEqual({
      delivered: true,
      answer: '250 2.0.0 queued as 1',
      note: `<${'k'.repeat(32)}@example.org>`,
    });
    const note = `<${'k'.repeat(32)}@example.org>`;
    const over = messageOf([alertOf(1, { state: 'resolved' })], {
      key: 'n'.repeat(32),
      event: 'resolved',
      note,
    });
    expect(await sink.deliver(over, signal())).not.toHaveProperty('note');
    const [opened, resolved] = server.received.map(({ raw }) => readMail(raw));
    expect(opened?.headers).toMatchObject({
      'message-id': note,
      date: 'Mon, 02 Mar 2026 10:00:00 +0000',
      'auto-submitted': 'auto-generated',
    });
    expect(opened?.headers.subject).toContain('10.0.1.1 tried 60 ports of 10.0.2.9 in vain');
    expect(resolved?.headers).toMatchObject({ 'in-reply-to': note, references: note });
    for (const { body } of opened?.parts ?? []) {
      expect(body).toContain('10.0.1.1');
      expect(body).toContain('flowsentry alerts show');
      expect(body).toContain(`https://flowsentry.example.org/alerts/${alertOf(1).id}`);
    }
    await sink.close();
    await server.close();
  });

  it('lists what is many, and counts what it leaves out', async () => {
    const sink = await openEmail(options(25));
    const alerts = Array.from({ length: 20 }, (_, i) => alertOf(i));
    const { text } = JSON.parse(
      sink.preview(
        messageOf(alerts, { counts: [{ detector: 'port-scan', severity: 'high', alerts: 1234 }] }),
      ),
    );
    expect(text.match(/^- high: /gm)).toHaveLength(20);
    expect(text).toContain('and 1,214 more: flowsentry alerts list');
    await sink.close();
  });

  it.each(['tls', 'starttls'] as const)(
    'says nothing in the clear but EHLO and STARTTLS (%s)',
    async (security) => {
      const server = await startSmtpServer(security);
      const sink = await openEmail(options(server.port, { security, ...login }));
      expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({ delivered: true });
      expect(server.received).toMatchObject([{ isEncrypted: true, to: ['soc@example.org'] }]);
      const verbs = server.lines.map((line) => line.split(/[ :]/)[0]);
      const session = ['EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA'];
      expect(verbs.slice(0, security === 'tls' ? 5 : 7)).toEqual(
        security === 'tls' ? session : ['EHLO', 'STARTTLS', ...session],
      );
      await sink.close();
      await server.close();
    },
  );

  it('does not believe what was said before TLS', async () => {
    const server = await startSmtpServer();
    // Replies to commands that were not given yet, behind the one to STARTTLS.
    server.behave({
      STARTTLS: (socket) => void socket.write('220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n235 ok\r\n'),
    });
    const sink = await openEmail(options(server.port, login));
    const outcome = await sink.deliver(messageOf([alertOf(1)]), AbortSignal.timeout(500));
    expect(outcome).toMatchObject({ delivered: false });
    expect(server.lines.some((line) => line.startsWith('AUTH'))).toBe(false);
    await sink.close();
    await server.close();
  });

  it('goes to no link-local or metadata address', async () => {
    for (const security of ['tls', 'starttls']) {
      const sink = await openEmail(options(25, { host: '169.254.169.254', security }));
      expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toMatchObject({
        reason: 'untrusted',
        detail: expect.stringContaining('link-local, metadata'),
      });
      await sink.close();
    }
  });

  it('is a dead letter when one of several recipients is refused: others have it', async () => {
    const server = await startSmtpServer();
    server.behave({
      RCPT: (socket, line) => void socket.write(line.includes('gone@') ? '550 5.1.1 who?\r\n' : '250 ok\r\n'),
    });
    const sink = await openEmail(options(server.port, { to: ['soc@example.org', 'gone@example.org'] }));
    expect(await sink.deliver(messageOf([alertOf(1)]), signal())).toEqual({
      delivered: false,
      reason: 'refused',
      detail: 'taken, but not for gone@example.org: 550 5.1.1 who?',
    });
    expect(server.received).toHaveLength(1);
    await sink.close();
    await server.close();
  });

  it.each([
    [{ user: 'a' }, 'goes with user'],
    [{ to: [] }, 'Too small'],
    [{ to: ['a@b.example\r\nBcc: c@d.example'] }, 'not an address'],
    [{ from: 'nobody' }, 'not an address'],
    [{ security: 'none' }, 'Invalid option'],
  ])('is not configured with %j', (more, problem) => {
    const base = { type: 'email', name: 'm', host: 'h', from: 'a@b.example', to: ['a@b.example'] };
    const { error } = Schema.safeParse({ ...base, ...more });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });
});
