import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../src/errors.ts';
import { createLog, type LogDetails, type LogOptions } from '../src/log.ts';

function logTo(options: LogOptions = {}) {
  const lines: string[] = [];
  const log = createLog({ ...options, destination: { write: (line) => lines.push(line) } });
  const last = () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  return { log, lines, last };
}

/** What a line with these details says. */
function written(details: LogDetails): Record<string, unknown> {
  const { log, last } = logTo();
  log.info('something happened', details);
  return last();
}

describe('log', () => {
  it('writes one line of JSON with level, UTC time, message and values', () => {
    const { log, lines, last } = logTo();
    log.info('checkpoint written', { seq: 7, seconds: 0.25 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{.*\}\n$/);
    expect(last()).toMatchObject({ level: 'info', message: 'checkpoint written', seq: 7, seconds: 0.25 });
    expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('leaves out what lies below the level, and changes it for all logs of a family', () => {
    const { log, lines } = logTo({ level: 'warn' });
    const part = log.with({ source: 'kafka' });
    part.info('left out');
    expect(lines).toHaveLength(0);
    log.setLevel('debug');
    part.debug('shown');
    expect(lines).toHaveLength(1);
  });

  it('repeats the values it was made with', () => {
    const { log, last } = logTo();
    log.with({ source: 'orders' }).with({ partition: 3 }).warn('source is slow', { lag: 12 });
    expect(last()).toMatchObject({ source: 'orders', partition: 3, lag: 12 });
  });

  it('keeps its own fields when a value has their name', () => {
    const line = written({ level: 'fatal', message: 'forged', time: 'never' });
    expect(line).toMatchObject({
      level: 'info',
      message: 'something happened',
      level_: 'fatal',
      message_: 'forged',
    });
  });

  it('writes errors with their causes, and stacks of unexpected ones only', () => {
    const unexpected = written({ error: new TypeError('boom', { cause: new Error('deeper') }) }).error;
    expect(unexpected).toMatchObject({ type: 'TypeError', message: 'boom', cause: { message: 'deeper' } });
    expect((unexpected as { stack: string }).stack).toMatch(/^ {4}at .*log\.test\.ts/);
    const expected = written({ error: new UserError('cannot read /etc/flowsentry.yaml: no such file') });
    expect(expected.error).toEqual({
      type: 'UserError',
      message: 'cannot read /etc/flowsentry.yaml: no such file',
    });
  });

  it('writes values that JSON cannot hold', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    const line = written({
      big: 2n ** 64n,
      none: undefined,
      infinite: Number.POSITIVE_INFINITY,
      bytes: new Uint8Array(9),
      when: new Date(0),
      loop,
      set: new Set([1, 2]),
      map: new Map([['a', 1]]),
    });
    expect(line).toMatchObject({
      big: '18446744073709551616',
      infinite: 'Infinity',
      bytes: '[9 bytes]',
      when: '1970-01-01T00:00:00.000Z',
      set: [1, 2],
      map: { a: 1 },
    });
    expect(JSON.stringify(line.loop)).toContain('[deeper]');
  });

  it('survives values that throw when they are looked at', () => {
    const hostile = {
      get trap(): string {
        throw new RangeError('no');
      },
    };
    expect(written({ hostile })).toMatchObject({ unreadable: 'RangeError' });
  });

  it('bounds texts and fields', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]));
    const line = written({ text: 'x'.repeat(1_000_000), many });
    expect(JSON.stringify(line).length).toBeLessThan(8000);
    expect(line.text).toMatch(/ \(1000000 characters\)$/);
  });

  it('sets no prototype from a name', () => {
    const line = JSON.stringify(written(JSON.parse('{"a":{"__proto__":{"polluted":1}}}') as LogDetails));
    expect(line).toContain('__proto__');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('secrets in the log', () => {
  const canary = 'c4n4ry-9f8e7d6c5b4a';
  const secretValue = { toJSON: () => '[secret]', toString: () => '[secret]' };

  it.each<[string, LogDetails]>([
    ['a nested token', { deep: { a: { b: { token: canary } } } }],
    ['a capitalised name', { Token: canary, API_KEY: canary, 'X-Amz-Firehose-Access-Key': canary }],
    ['a header', { headers: { Authorization: `Bearer ${canary}` } }],
    ['a header in a text', { text: `authorization: Bearer ${canary}` }],
    ['a URL in a message', { error: new Error(`cannot reach https://user:${canary}@host/path`) }],
    ['a query', { url: `https://host/path?X-Amz-Signature=${canary}&a=b` }],
    ['a URL object', { url: new URL(`https://host/?key=${canary}`) }],
    ['a webhook', { url: `https://hooks.slack.com/services/T0/B0/${canary}` }],
    ['a stack', { error: Object.assign(new Error('x'), { stack: `Error: ${canary}\n    at f (a.ts:1:1)` }) }],
    ['a cause', { error: new Error('x', { cause: new Error(`Basic ${canary}`) }) }],
    ['a wrapped secret', { value: secretValue }],
    ['a private key', { pem: `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----` }],
    ['our own token', { text: `flowsentry_${canary}_${canary}` }],
  ])('are not written: %s', (_, details) => {
    const { log, lines } = logTo();
    log.error('something failed', details);
    expect(lines.join('')).not.toContain(canary);
    expect(lines.join('')).toContain('failed');
  });

  it.each([
    ['plain', canary],
    ['with characters that JSON escapes', `a"b\\c\n${canary}`],
  ])('are not written once they are known, wherever they occur: %s', (_, secret) => {
    const { log, lines } = logTo();
    log.hide(secret);
    log
      .with({ name: secret })
      .error('refused', { text: `got ${secret}!`, error: new Error(secret), list: [secret] });
    expect(lines.join('')).not.toContain(canary);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ name: '[secret]', text: 'got [secret]!' });
  });

  it('does not blank texts that are too short to be secrets', () => {
    const { log, last } = logTo();
    log.hide('a');
    log.info('started', { address: 'alpha' });
    expect(last()).toMatchObject({ message: 'started', address: 'alpha' });
  });
});

describe('hostile text in the log', () => {
  const hostile =
    '\u001b[2J\u001b]8;;http://evil\u0007x\r\nlevel=error forged\u009b31m\u202egpj.exe\u2028\u200b\u{e0041}';

  it.each([false, true])('stays one line without controls (terminal: %s)', (terminal) => {
    const { log, lines } = logTo({ terminal });
    log.warn('record refused', { raw: hostile, [hostile]: 1, error: new Error(hostile) });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.replace(/\n$/, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it('means the same after it was escaped', () => {
    expect(written({ raw: hostile }).raw).toBe(hostile);
  });

  it('is readable on a terminal', () => {
    const { log, lines } = logTo({ terminal: true });
    log.info('checkpoint written', { seq: 7, file: '/data/state.duckdb', note: 'two words' });
    expect(lines[0]).toMatch(
      /^\S+Z info {2}checkpoint written {2}seq=7 {2}file=\/data\/state\.duckdb {2}note="two words"\n$/,
    );
  });
});

describe('standard error', () => {
  const script = `
    import { createLog } from ${JSON.stringify(join(import.meta.dirname, '../src/log.ts'))};
    const log = createLog();
    for (let i = 0; i < Number(process.env.LINES); i++) log.info('line', { i, text: 'x'.repeat(4000) });
    process.stdout.write('alive ' + log.dropped);
  `;
  const run = (redirect: string, lines = 200) =>
    spawnSync('sh', ['-c', `"${process.execPath}" --input-type=module-typescript -e "$SCRIPT" ${redirect}`], {
      env: { ...process.env, SCRIPT: script, NODE_OPTIONS: '', LINES: String(lines) },
      encoding: 'utf8',
      timeout: 300_000,
    });

  it('takes every line before the process ends', () => {
    const { stdout, stderr } = run('');
    expect(stdout).toBe('alive 0');
    expect(stderr.trimEnd().split('\n')).toHaveLength(200);
  });

  it.each(['2>/dev/full', '2>&-'])('does not stop the process when it takes nothing: %s', (redirect) => {
    const { stdout, status } = run(redirect, 2000);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^alive /);
  });

  it('counts what finds no place in memory', () => {
    const { stdout } = run('2>/dev/full', 2000);
    expect(Number(stdout.replace('alive ', ''))).toBeGreaterThan(500);
  });
});
