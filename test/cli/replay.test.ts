import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { flowsentry, logLine, type Outcome, scanLog, temporaryFolder } from './run.ts';

const folder = temporaryFolder();
const log = join(folder, 'scan.log');
const data = join(folder, 'data');
const alertsFile = join(folder, 'alerts.jsonl');
const HOSTILE = `\x1b[31m\u202e nonsense`;
let first: Outcome;

beforeAll(async () => {
  writeFileSync(log, `${scanLog()}${HOSTILE}\n${logLine('10.0.1.7', '10.0.2.9', 443, 'ACCEPT')}\n`);
  first = await flowsentry(['replay', log, '--data', data, '--alerts', alertsFile, '--fail-on', 'low']);
});

describe('flowsentry replay', () => {
  it('ends with 3 when alerts are as severe as --fail-on says', () => {
    expect(first.code).toBe(3);
  });

  it('shows what was read, the alerts with reasons, and what to try next', () => {
    expect(first.stdout).toContain('62 records');
    expect(first.stdout).toContain('1 rejected');
    expect(first.stdout).toContain('10.0.1.5');
    expect(first.stdout).toContain('port-scan');
    expect(first.stdout).toContain('observed');
    expect(first.stdout).toContain('what to try next');
  });

  it('says what the records cover, and which detectors judge', () => {
    expect(first.stdout).toContain('1 of 1 expected interface speak at the end, 100 % of the expected');
    expect(first.stdout).toContain('of 62 records 0 % SKIPDATA, 0 % late, 1.6 % rejected');
    expect(first.stdout).toMatch(/detectors: \d+ of \d+ judge; learning: .*unexpected-egress until \d{4}-/);
    expect(first.stdout).toContain('bad-ip (no feeds)');
  });

  it('writes no colour and no progress into a pipe', () => {
    expect(first.stdout).not.toContain('\x1b');
    expect(first.stderr).toBe('');
  });

  it('writes the alerts as JSON Lines with every field', () => {
    const alerts = readFileSync(alertsFile, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(alerts.length).toBeGreaterThan(0);
    for (const field of [
      'id',
      'detector',
      'severity',
      'state',
      'title',
      'subject',
      'firstSeen',
      'lastSeen',
      'count',
      'score',
      'attack',
      'explanation',
      'samples',
      'query',
      'exception',
    ])
      expect(alerts[0]).toHaveProperty(field);
  });

  it('counts what it has read before as duplicate, and ends with one line of JSON', async () => {
    const { code, stdout } = await flowsentry(['replay', log, '--data', data, '--json']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    const summary = JSON.parse(lines[0] ?? '');
    expect(Object.keys(summary)).toEqual([
      'received',
      'stored',
      'rejected',
      'duplicate',
      'late',
      'filtered',
      'sessions',
      'alerts',
      'seconds',
      'recordsPerSecond',
      'peakRssBytes',
      'coverage',
    ]);
    expect(summary).toMatchObject({
      received: 62,
      stored: 0,
      rejected: 0,
      duplicate: 62,
      late: 0,
      filtered: 0,
    });
  });

  it('reads everything anew with --restart', async () => {
    const { stdout } = await flowsentry(['replay', log, '--data', join(folder, 'again'), '--json']);
    const again = await flowsentry(['replay', log, '--data', join(folder, 'again'), '--json', '--restart']);
    for (const text of [stdout, again.stdout])
      expect(JSON.parse(text)).toMatchObject({ received: 62, stored: 61, rejected: 1, duplicate: 0 });
  });

  it('is muted by the exception that the alert offers', async () => {
    const [alert] = readFileSync(alertsFile, 'utf8').split('\n');
    const config = join(folder, 'muted.yaml');
    writeFileSync(config, JSON.parse(alert ?? '').exception);
    const { code, stderr } = await flowsentry([
      'replay',
      log,
      '--data',
      join(folder, 'muted'),
      '--config',
      config,
      '--fail-on',
      'info',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('refuses a configuration that is not valid before it touches the data folder', async () => {
    const config = join(folder, 'bad.yaml');
    writeFileSync(config, 'nonsense: 1\n');
    const other = join(folder, 'untouched');
    expect((await flowsentry(['replay', log, '--data', other, '--config', config])).code).toBe(2);
    expect(existsSync(other)).toBe(false);
  });
});

describe('flowsentry on a data folder', () => {
  it('says what was looked at when it has no alert to list', async () => {
    const { stdout } = await flowsentry(['alerts', 'list', '--data', data, '--severity', 'critical']);
    expect(stdout).toMatch(/^no alerts\n {2}covered: 1 of 1 expected interface/);
    expect(stdout).toContain('detectors: ');
  });

  it('lists no alerts of a detector that there is not', async () => {
    const wrong = await flowsentry(['alerts', 'list', '--data', data, '--detector', 'prot-scan']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('port-scan');
    const right = await flowsentry(['alerts', 'list', '--data', data, '--detector', 'port-scan']);
    expect(right).toMatchObject({ code: 0, stdout: expect.stringContaining('port-scan') });
  });

  it('lists alerts, as JSON Lines too', async () => {
    const table = await flowsentry(['alerts', 'list', '--data', data]);
    expect(table.stdout).toContain('port-scan');
    const { stdout } = await flowsentry(['alerts', 'list', '--data', data, '--json']);
    expect(stdout).toBe(readFileSync(alertsFile, 'utf8'));
  });

  it('shows an alert by the beginning of its id, with evidence, query and exception', async () => {
    const { id } = JSON.parse(readFileSync(alertsFile, 'utf8').split('\n')[0] ?? '');
    const { code, stdout } = await flowsentry(['alerts', 'show', id.slice(0, 8), '--data', data]);
    expect(code).toBe(0);
    for (const part of ['why', 'formula', 'evidence', 'srcaddr', 'query', 'exceptions:'])
      expect(stdout).toContain(part);
    expect((await flowsentry(['alerts', 'show', 'zzz', '--data', data])).code).toBe(1);
  });

  it('shows the query of an alert as one that runs', async () => {
    const { query } = JSON.parse(readFileSync(alertsFile, 'utf8').split('\n')[0] ?? '');
    const { code, stderr, stdout } = await flowsentry(['query', query, '--data', data, '--format', 'jsonl']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toBe('');
  });

  it('shows rejects with hostile characters taken apart', async () => {
    const { stdout } = await flowsentry(['rejects', '--data', data]);
    expect(stdout).toContain('\\x1b[31m\\u202e nonsense');
    expect(stdout).not.toContain('\x1b');
    const json = await flowsentry(['rejects', '--data', data, '--json']);
    expect(json.stdout).not.toContain('\u202e');
    expect(JSON.parse(json.stdout).raw).toBe(HOSTILE);
  });

  it.each([
    ['csv', 'srcaddr,n\r\n10.0.1.5,60\r\n10.0.1.7,1\r\n'],
    ['json', '[{"srcaddr":"10.0.1.5","n":60},\n{"srcaddr":"10.0.1.7","n":1}]\n'],
    ['jsonl', '{"srcaddr":"10.0.1.5","n":60}\n{"srcaddr":"10.0.1.7","n":1}\n'],
    ['table', 'srcaddr    n\n10.0.1.5  60\n10.0.1.7   1\n'],
  ])('answers SQL as %s', async (format, expected) => {
    const sql = 'SELECT srcaddr, count(*)::INTEGER AS n FROM flows GROUP BY srcaddr ORDER BY n DESC';
    const { code, stdout } = await flowsentry(['query', sql, '--data', data, '--format', format]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expected });
  });

  it('writes Parquet that begins and ends as it must', async () => {
    const out = join(folder, 'flows.parquet');
    const { code } = await flowsentry([
      'query',
      'SELECT * FROM flows',
      '--data',
      data,
      '--format',
      'parquet',
      '--out',
      out,
    ]);
    expect(code).toBe(0);
    const bytes = readFileSync(out);
    expect([bytes.toString('latin1', 0, 4), bytes.toString('latin1', bytes.length - 4)]).toEqual([
      'PAR1',
      'PAR1',
    ]);
  });

  it('runs a named query', async () => {
    const args = [
      'query',
      '--name',
      'who-talked-to',
      '--param',
      'address=10.0.2.9',
      '--data',
      data,
      '--json',
    ];
    const { stdout } = await flowsentry(args);
    const peers = JSON.parse(stdout).map((row: { peer: string }) => row.peer);
    expect(new Set(peers)).toEqual(new Set(['10.0.1.5', '10.0.1.7']));
  });

  it('says that there are more rows than it was allowed to give', async () => {
    const { stdout, stderr } = await flowsentry([
      'query',
      'SELECT * FROM flows',
      '--data',
      data,
      '--max-rows',
      '3',
      '--format',
      'jsonl',
    ]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr).toContain('--max-rows');
  });

  it('ends with 1 and the message alone when SQL is wrong', async () => {
    const { code, stdout, stderr } = await flowsentry([
      'query',
      'SELECT nonsense FROM flows',
      '--data',
      data,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('nonsense');
    expect(stderr).not.toContain('    at ');
  });
});

describe('flowsentry doctor', () => {
  it('tells what logs have and which detectors work', async () => {
    const { code, stdout } = await flowsentry(['doctor', log]);
    expect(code).toBe(0);
    expect(stdout).toContain('62 records');
    expect(stdout).toContain("1.6 % can't be used");
    expect(stdout).toMatch(/port-scan +degraded +tcp-flags is missing/);
  });

  it('tells logs of one action only', async () => {
    const file = join(folder, 'reject.log');
    writeFileSync(file, scanLog());
    expect((await flowsentry(['doctor', file])).stdout).toContain('only REJECT');
  });

  it('tells gaps and overlaps', async () => {
    const file = join(folder, 'gaps.log');
    const at = (second: number) => `${logLine('10.0.1.5', '10.0.2.9', 443, 'ACCEPT', second)}\n`;
    writeFileSync(file, `${at(0)}${at(20)}${at(3600)}`);
    const { stdout } = await flowsentry(['doctor', file, '--json']);
    const survey = JSON.parse(stdout);
    expect(survey).toMatchObject({ records: 3, interval: 60, overlapping: 1, windows: 3 });
    expect(survey.gaps).toHaveLength(1);
    expect(survey.speaking).toBe(1);
    expect(survey.minutes.heard).toBeLessThan(survey.minutes.expected / 10);
    const text = (await flowsentry(['doctor', file])).stdout;
    expect(text).toMatch(
      /1 of 1 expected interface speak at the end, \d(\.\d)? % of the expected interface-minutes/,
    );
  });

  it('judges a format without logs', async () => {
    const { stdout } = await flowsentry([
      'doctor',
      '--format',
      'srcaddr dstaddr start end bytes strange-thing',
      '--json',
    ]);
    const { unknown, detectors } = JSON.parse(stdout);
    expect(unknown).toEqual(['strange-thing']);
    expect(detectors.find((each: { detector: string }) => each.detector === 'port-scan').state).toBe('off');
  });
});
