import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { conceal } from '../../src/send/encryption/conceal.ts';
import type { Message } from '../../src/send/message.ts';
import type { Sink } from '../../src/send/sink.ts';
import { openSink, SinkOptions } from '../../src/send/sinks/index.ts';
import { flowsentry, temporaryFolder } from '../cli/run.ts';
import { messageOf } from '../contracts/sink.ts';
import { alertOf } from './alerts.ts';
import { CA, startReceiver } from './receiver.ts';
import { ACCOUNT as ACCOUNT_ID, REGION } from './sinks/aws-services.ts';
import { readMail, startSmtpServer } from './smtp-server.ts';
import { startSyslogServer } from './syslog-server.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
beforeAll(() => {
  const make = (name: string, ...args: string[]) => {
    openssl('genpkey', ...args, '-out', `${name}.key`);
    openssl('pkey', '-in', `${name}.key`, '-pubout', '-out', `${name}.pem`);
  };
  make('rsa', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072');
  make('ec', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
  make('x', '-algorithm', 'X25519');
  make('other', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
  make('weak', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024');
  for (const [name, text] of [
    ['ids', 'a secret for ids of ours'],
    ['short', 'too short'],
    ['token', 'xoxb-1'],
  ])
    writeFileSync(at(name!), text!, { mode: 0o600 });
});

/** Values that stand in every field that is derived from them, as detectors write them. */
const SUBJECT = '10.77.66.55';
const PEER = '198.51.100.199';
const PORT = 54_321;
const ACCOUNT = '998877665544';
const ZONE = 'vault';
const PEER_ZONE = 'partner-bank';
const NUMBER = 7_654_321;
function canary(n = 1): Alert {
  const plain = alertOf(n);
  return {
    ...plain,
    title: `${SUBJECT} sent ${NUMBER} bytes to ${PEER}:${PORT}`,
    subject: SUBJECT,
    peer: PEER,
    port: PORT,
    account: ACCOUNT,
    interface: `eni-of-${ACCOUNT}`,
    zone: ZONE,
    peerZone: PEER_ZONE,
    explanation: {
      observed: NUMBER,
      baseline: 3,
      threshold: `12 for ${SUBJECT}`,
      formula: `bytes to ${PEER}`,
      port: PORT,
    },
    samples: plain.samples.map((sample) => ({
      ...sample,
      srcaddr: SUBJECT,
      dstaddr: PEER,
      dstport: PORT,
      bytes: NUMBER,
    })),
    query: `SELECT * FROM flows WHERE src = '${SUBJECT}' AND dst = '${PEER}' AND port = ${PORT}`,
    exception: `exceptions:\n  - detector: port-scan\n    subject: ${SUBJECT}\n    peer: ${PEER}\n`,
  };
}
const SECRETS = [
  SUBJECT,
  PEER,
  ZONE,
  PEER_ZONE,
  String(PORT),
  '54,321',
  ACCOUNT,
  String(NUMBER),
  '7,654,321',
];
const FIELDS = ['subject', 'peer', 'port', 'account', 'explanation.*'];
const encrypt = (more: object = {}) => ({
  key: at('ec.pem'),
  fields: FIELDS,
  ids: { file: at('ids') },
  ...more,
});

/** A message the unit, labels and templates of which have the values too. */
function messageWith(alerts: readonly Alert[], more: Partial<Message> = {}): Message {
  const words = {
    title: `template ${SUBJECT}`,
    digest: `template ${PEER}`,
    alerts: Object.fromEntries(
      alerts.map(({ id }) => [
        id,
        {
          ...{ name: 'Port scan', meaning: `template ${ACCOUNT}` },
          ...{ sentence: `template ${SUBJECT}`, numbers: `n: ${NUMBER}`, next: `call ${PEER}` },
        },
      ]),
    ),
  };
  return messageOf(alerts, {
    unit: `detector=port-scan subject=${SUBJECT}`,
    labels: {
      detector: 'port-scan',
      subject: SUBJECT,
      account: ACCOUNT,
      'explanation.observed': String(NUMBER),
    },
    words,
    ...more,
  });
}

/** Opens a sink of every type on servers of ours; `shown` is all that they were told, decoded. */
async function openAll(more: object) {
  const http = await startReceiver((_, response) => void response.end('{"ok":true,"ts":"1"}'));
  const smtp = await startSmtpServer();
  const syslog = await startSyslogServer();
  const url = http.url;
  const tls = { ca: CA };
  const mail = { host: 'localhost', port: smtp.port, from: 'a@b.example', to: ['c@d.example'] };
  const siem = { type: 'syslog', host: 'localhost', port: syslog.port, tls };
  const aws = { region: REGION, endpoint: url, tls };
  const bare: object[] = [
    { type: 'slack', url, channel: 'C1', token: { file: at('token') }, tls },
    { type: 'pagerduty', url, routingKey: { file: at('token') }, tls },
    { type: 'webhook', url, tls },
    { type: 'alertmanager', url, tls },
    { type: 'email', ...mail, tls },
    siem,
    { ...siem, format: 'cef' },
    { ...aws, type: 'sns', topic: `arn:aws:sns:${REGION}:${ACCOUNT_ID}:alerts` },
    { ...aws, type: 'sqs', queue: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT_ID}/alerts` },
    { ...aws, type: 'eventbridge', format: 'ocsf' },
    { ...aws, type: 'security-hub', account: ACCOUNT_ID },
    { type: 'file', path: at('alerts.jsonl') },
    { type: 'file', path: at('ocsf.jsonl'), format: 'ocsf' },
    { type: 'stdout' },
    // A broker reads it in the integration tests; here is what it would have.
    { type: 'kafka', topic: 't', brokers: ['localhost:1'], plaintext: true },
  ];
  expect(new Set(bare.map((one) => (one as { type: string }).type))).toEqual(
    new Set(SinkOptions.options.map(({ shape }) => [...shape.type.values][0])),
  );
  const printed: string[] = [];
  const stdout = vi
    .spyOn(process.stdout, 'write')
    .mockImplementation((text: unknown, done: unknown): boolean => {
      printed.push(String(text));
      if (typeof done === 'function') done();
      return true;
    });
  const sinks = new Map<string, Sink>();
  for (const [i, one] of bare.entries()) {
    const options = SinkOptions.parse({ ...one, name: `s${i}`, ...more });
    sinks.set(`${i} ${options.type}`, await openSink(options, 'https://flowsentry.example.org'));
  }
  return {
    sinks,
    shown: () =>
      [
        ...http.received.map(({ path, headers, body }) => {
          const text = headers['content-type']?.includes('form') ? body.replaceAll('+', ' ') : body;
          const plain = text === body ? body : decodeURIComponent(text);
          return `${path} ${JSON.stringify(headers)} ${plain}`;
        }),
        ...smtp.received.map(({ raw }) => `${raw}\n${JSON.stringify(readMail(raw))}`),
        ...syslog.received.map(({ raw }) => raw),
        readFileSync(at('alerts.jsonl'), 'utf8'),
        readFileSync(at('ocsf.jsonl'), 'utf8'),
        ...printed,
      ].join('\n'),
    async close() {
      stdout.mockRestore();
      for (const sink of sinks.values()) await sink.close();
      await Promise.all([http.close(), smtp.close(), syslog.close()]);
    },
  };
}

const signal = () => AbortSignal.timeout(10_000);

describe('encrypted fields', () => {
  it('are seen by no sink, in no form, and are where they were when nothing is encrypted', async () => {
    mkdirSync(folder, { recursive: true });
    for (const isEncrypted of [false, true]) {
      for (const name of ['alerts.jsonl', 'ocsf.jsonl']) writeFileSync(at(name), '');
      const all = await openAll(isEncrypted ? { encrypt: encrypt() } : {});
      const previews: string[] = [];
      const keys = new Set<string>();
      for (const [name, sink] of all.sinks)
        for (const alerts of [[canary()], [canary(1), canary(2)]])
          for (const event of ['firing', 'resolved'] as const) {
            const told = alerts.map((alert): Alert => ({ ...alert, state: event }));
            const kind = sink.traits.unit;
            const message = messageWith(told, {
              event,
              kind,
              key: `${alerts.length}${event}`.padEnd(32, 'k'),
            });
            keys.add(message.key);
            const { delivered } = await sink.deliver(message, signal());
            // The receiver does not answer as AWS does; it hears all the same, and nobody is where the broker would be.
            if (!/sns|sqs|eventbridge|security-hub|kafka/.test(name))
              expect([name, delivered]).toEqual([name, true]);
            previews.push(sink.preview(message));
          }
      await expect.poll(() => all.shown().match(/<\d+>1 /g)?.length).toBe(12);
      expect(all.shown().match(/"detector":"port-scan".*"key":/g)?.length).toBeGreaterThanOrEqual(12);
      const shown = `${all.shown()}\n${previews.join('\n')}`;
      // Where ids come from can be guessed: ours are not there either.
      const ids = [canary(1).id, canary(1).id.slice(0, 8), ...keys];
      for (const one of ['PublishBatch', 'SendMessageBatch', 'PutEvents', '/findings/import'])
        expect(shown).toContain(one);
      if (isEncrypted) expect(shown).toMatch(/"flowsentry\/encrypted":"eyJ[\w-]*(?:\.[\w-]+){4}"/);
      const found = [...SECRETS, ...ids].filter((secret) => shown.includes(secret));
      // People are told that there is something to read, and how.
      expect(shown.includes('flowsentry decrypt')).toBe(isEncrypted);
      if (isEncrypted) expect(found).toEqual([]);
      else
        expect(found).toEqual(expect.arrayContaining([SUBJECT, PEER, ACCOUNT, String(NUMBER), canary(1).id]));
      await all.close();
    }
  });

  it.each(['rsa', 'ec', 'x'])('are read by the recipient alone, with a key of kind %s', async (kind) => {
    writeFileSync(at('one.jsonl'), '');
    const options = {
      type: 'file',
      name: 'f',
      path: at('one.jsonl'),
      encrypt: encrypt({ key: at(`${kind}.pem`) }),
    };
    const sink = await openSink(SinkOptions.parse(options));
    await sink.deliver(messageWith([canary()]), signal());
    await sink.deliver(messageWith([canary()]), signal());
    const lines = readFileSync(at('one.jsonl'), 'utf8').trimEnd().split('\n');
    // A new key and nonce each time, the same ids.
    const [first, second] = lines.map((line) => JSON.parse(line));
    expect(first.encrypted).not.toBe(second.encrypted);
    expect(first.id).toBe(second.id);
    expect(first).toMatchObject({
      subject: '[encrypted]',
      title: 'port-scan: who and what is encrypted',
      severity: 'high',
    });
    const { code, stdout } = await flowsentry([
      'decrypt',
      at('one.jsonl'),
      '--key',
      at('other.key'),
      '--key',
      at(`${kind}.key`),
    ]);
    expect(code).toBe(0);
    const { key, ...alert } = JSON.parse(stdout.split('\n')[0] ?? '');
    expect(alert).toEqual(canary());
    expect(key).toMatch(/^[\da-f]{32}$/);
    const wrong = await flowsentry(['decrypt', at('one.jsonl'), '--key', at('other.key')]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('it is for the key')]);
    const damaged = lines[0]!.replace(
      /(\.[\w-]{8})[\w-]/,
      (all, head) => head + (all.endsWith('A') ? 'B' : 'A'),
    );
    writeFileSync(at('damaged.jsonl'), damaged);
    const refused = await flowsentry(['decrypt', at('damaged.jsonl'), '--key', at(`${kind}.key`)]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('it was changed or cut off')]);
    await sink.close();
  });

  it('are read from any text that has them, such as a line of syslog', async () => {
    const server = await startSyslogServer();
    const options = { type: 'syslog', name: 's', host: 'localhost', port: server.port, tls: { ca: CA } };
    const sink = await openSink(SinkOptions.parse({ ...options, encrypt: encrypt() }));
    await sink.deliver(messageWith([canary()]), signal());
    await expect.poll(() => server.received.length).toBe(1);
    writeFileSync(at('line.txt'), `<131>1 - - ${server.received[0]?.raw}\n`);
    const { code, stdout } = await flowsentry(['decrypt', at('line.txt'), '--key', at('ec.key')]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id: canary().id, title: canary().title, subject: SUBJECT });
    await sink.close();
    await server.close();
  });

  it('leave what was not chosen, unless it holds what was', async () => {
    writeFileSync(at('some.jsonl'), '');
    const options = {
      type: 'file',
      name: 'f',
      path: at('some.jsonl'),
      encrypt: encrypt({ fields: ['account'] }),
    };
    const sink = await openSink(SinkOptions.parse(options));
    await sink.deliver(messageWith([canary()]), signal());
    const alert = JSON.parse(readFileSync(at('some.jsonl'), 'utf8'));
    expect(alert).toMatchObject({
      ...{ subject: SUBJECT, peer: PEER, port: PORT, account: '[encrypted]', interface: '[encrypted]' },
      ...{ query: '[encrypted]', samples: [], attack: ['T1046'] },
      explanation: {
        observed: NUMBER,
        baseline: 3,
        threshold: '[encrypted]',
        formula: '[encrypted]',
        port: PORT,
      },
    });
    await sink.close();
  });

  it('take every hidden value out of whatever else has it, and nothing is lost', () => {
    // Each value can be told from every other and from what detectors write.
    const marked = fc.nat().map((n) => `value-${n.toString(36).padStart(8, '0')}`);
    const field = fc.constantFrom(
      'subject',
      'peer',
      'account',
      'interface',
      'explanation.detail',
      'explanation.*',
    );
    const values = fc.uniqueArray(marked, { minLength: 5, maxLength: 5 });
    const mixing = fc.array(fc.nat(4), { minLength: 6, maxLength: 6 });
    const runs = Number(process.env.FLOWSENTRY_PROPERTY_RUNS ?? 100);
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 1 }),
        values,
        mixing,
        (chosen, [a, b, c, d, e] = [], mixed) => {
          const all = [a!, b!, c!, d!, e!];
          const more = (i: number) => `${all[i]} of ${all[mixed[i] ?? 0]}`;
          const alert = alertOf(1, {
            ...{ title: more(0), subject: all[0]!, peer: more(1), account: all[2]!, interface: more(3) },
            explanation: { observed: 1, baseline: 2, threshold: 3, formula: more(4), detail: more(5) },
            ...{ query: more(0), exception: more(1) },
          });
          const { open, hidden } = conceal(alert, new Set(chosen));
          for (const name of chosen) {
            const value = name.startsWith('explanation.')
              ? alert.explanation.detail
              : alert[name as 'subject'];
            expect(JSON.stringify(open)).not.toContain(value);
          }
          expect({
            ...open,
            ...hidden,
            explanation: { ...open.explanation, ...hidden.explanation },
          }).toEqual(alert);
        },
      ),
      { numRuns: runs, seed: 4 },
    );
  });

  it('do not hide an address because a chosen number is in it', () => {
    const { open } = conceal(canary(), new Set(['protocol']));
    expect(open).toMatchObject({
      subject: SUBJECT,
      peer: PEER,
      title: 'port-scan: who and what is encrypted',
    });
    expect(open).not.toHaveProperty('protocol');
  });

  it('lose their evidence before their sentence where there is little room', async () => {
    const receiver = await startReceiver((_, response) => void response.end('{"ok":true,"ts":"1"}'));
    const options = {
      type: 'slack',
      name: 's',
      url: receiver.url,
      channel: 'C',
      token: { file: at('token') },
      tls: { ca: CA },
    };
    const sink = await openSink(SinkOptions.parse({ ...options, encrypt: encrypt({ key: at('rsa.pem') }) }));
    const huge = {
      ...canary(),
      query: 'x'.repeat(5000),
      explanation: { ...canary().explanation, note: 'y'.repeat(9000) },
    };
    for (const alert of [{ ...canary(), query: 'x'.repeat(5000) }, huge])
      await sink.deliver(messageWith([alert]), signal());
    for (const [i, { body }] of receiver.received.entries()) {
      writeFileSync(at('slack.txt'), body);
      const { stdout } = await flowsentry(['decrypt', at('slack.txt'), '--key', at('rsa.key')]);
      expect(stdout).toContain(`"title":"${canary().title}"`);
      expect(stdout).toContain(SUBJECT);
      expect(stdout).not.toContain(i === 0 ? 'xxxx' : 'y'.repeat(9000));
    }
    await sink.close();
    await receiver.close();
  });

  it.each([
    [{ key: 'rsa.key' }, 'it holds a private key'],
    [{ key: 'weak.pem' }, 'it has to be RSA of 2048 bits or more'],
    [{ key: 'ids' }, 'it holds no such key'],
    [{ ids: 'short' }, 'less than 16 characters'],
  ])(
    'are not begun with %j',
    async ({ key = 'ec.pem', ids = 'ids' }: { key?: string; ids?: string }, problem) => {
      const more = { encrypt: encrypt({ key: at(key), ids: { file: at(ids) } }) };
      const options = SinkOptions.parse({ type: 'stdout', name: 'o', ...more });
      await expect(openSink(options)).rejects.toThrow(problem);
    },
  );

  it('have names that are known', () => {
    const parse = (fields: string[]) =>
      SinkOptions.safeParse({ type: 'stdout', name: 'o', encrypt: encrypt({ fields }) }).error?.issues[0]
        ?.message;
    expect(parse(['severity'])).toContain('not a field that can be encrypted: subject, peer');
    expect(parse(['explanation.rule', 'interface'])).toBeUndefined();
  });
});

describe('flowsentry decrypt', () => {
  it('says when nothing is encrypted, and refuses a key that others can read', async () => {
    writeFileSync(at('plain.json'), JSON.stringify(alertOf(1)));
    const plain = await flowsentry(['decrypt', at('plain.json'), '--key', at('ec.key')]);
    expect([plain.code, plain.stderr]).toEqual([1, expect.stringContaining('nothing in it is encrypted')]);
    writeFileSync(at('open.key'), readFileSync(at('ec.key')), { mode: 0o644 });
    const open = await flowsentry(['decrypt', at('plain.json'), '--key', at('open.key')]);
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('chmod 600')]);
  });
});
