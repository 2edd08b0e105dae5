import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { duration } from '../detectors/duration.ts';
import { detectors } from '../detectors/index.ts';
import { defaultConfig, loadConfig, parseConfig } from '../src/config.ts';
import { configSchema } from '../src/config-schema.ts';
import { ConfigError } from '../src/errors.ts';
import { timesOf } from '../src/live/source-times.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The problems of a configuration that must have some. */
function problemsOf(text: string): readonly string[] {
  try {
    parseConfig(text, 'test.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration has no problems');
}

describe('config', () => {
  it('has a default for everything', () => {
    const config = defaultConfig();
    expect(config).toMatchObject({
      network: { internal: [] },
      roles: {},
      ingest: {
        lateness: 300,
        batchRows: 16_384,
        maxFlows: 524_288,
        maxSessions: 524_288,
        maxWindowKeys: 262_144,
      },
      feeds: [],
      allow: [],
      policy: undefined,
      exceptions: [],
      history: { alerts: 90 * 86_400 },
      query: { timeout: 30, maxRows: 10_000, memory: '512MB' },
    });
    expect(Object.keys(config.detectors)).toEqual(detectors.map((detector) => detector.id));
    for (const { mode } of Object.values(config.detectors)) expect(mode).toBe('alert');
  });

  it.each(['', '# only a comment\n', '---\n', '{}'])('takes %j for the defaults', (text) => {
    expect(parseConfig(text, 'x.yaml')).toEqual(defaultConfig());
  });

  it('takes the lateness and idleness of a source from it, else from ingest', () => {
    const { sources, ingest } = parseConfig(
      `sources:
  - {type: file, name: a, paths: [a], lateness: 1h, idle: 2m}
  - {type: file, name: b, paths: [b]}
`,
      'x.yaml',
    );
    expect(sources.map((source) => timesOf(source, ingest))).toEqual([
      { lateness: 3600, idle: 120 },
      { lateness: 300, idle: 60 },
    ]);
  });

  it('takes every file that a source names from the folder of the configuration', () => {
    const { sources } = parseConfig(
      `sources:
  - type: kafka
    name: k
    brokers: [kafka:9093]
    topics: [t]
    tls: {ca: ca.pem}
    sasl: {mechanism: scram-sha-512, username: u, password: {file: secrets/password}}
  - {type: firehose, name: f, accessKey: {file: /run/key}}
`,
      '/etc/flowsentry.yaml',
    );
    expect(sources).toMatchObject([
      { tls: { ca: '/etc/ca.pem' }, sasl: { password: { file: '/etc/secrets/password' } } },
      { accessKey: { file: '/run/key' } },
    ]);
  });

  it('reads a whole file', () => {
    const config = parseConfig(
      `network: { internal: [198.51.100.0/24, 2001:db8::/32] }
roles: { web: [10.0.1.0/24] }
ingest: { lateness: 20m }
feeds:
  - { name: known, file: feeds/known.txt, category: botnet, confidence: 80 }
  - { name: remote, url: "https://feeds.example/list.txt", ca: ca.pem }
allow: [192.0.2.1]
policy: policy.yaml
detectors:
  port-scan: { mode: shadow, windowMinutes: 10 }
  volume-spike: { mode: off }
exceptions:
  - { detector: port-scan, subject: 10.0.0.5, peer: 10.0.2.0/24, port: 22, reason: scanner, owner: me, expires: 2026-12-31 }
history: { retention: 30d }
query: { timeout: 90s, maxRows: 5, memory: 1GB }
`,
      '/etc/flowsentry/flowsentry.yaml',
    );
    expect(config.ingest.lateness).toBe(1200);
    expect(config.policy).toBe('/etc/flowsentry/policy.yaml');
    expect(config.feeds[0]?.file).toBe('/etc/flowsentry/feeds/known.txt');
    expect(config.feeds[1]?.ca).toBe('/etc/flowsentry/ca.pem');
    expect(config.detectors['port-scan']).toMatchObject({ mode: 'shadow', options: { windowMinutes: 10 } });
    expect(config.detectors['volume-spike']?.mode).toBe('off');
    expect(config.exceptions[0]).toMatchObject({ detector: 'port-scan', expires: '2026-12-31' });
    expect(config.history.retention).toBe(30 * 86_400);
    expect(config.query).toEqual({ timeout: 90, maxRows: 5, memory: '1GB' });
  });

  it('lets a detector that is in the shadow, and no other, be promoted', () => {
    const promote = (text: string) => parseConfig(`detectors: {beacon: ${text}}`, 'x').detectors.beacon;
    expect(promote('{mode: shadow, promote: {}}')?.promote).toEqual({ after: 172_800, budget: 20 });
    expect(promote('{mode: shadow, promote: {after: 6h, budget: 0/day}, score: 0.9}')).toMatchObject({
      promote: { after: 21_600, budget: 0 },
      options: { score: 0.9 },
    });
    expect(problemsOf('detectors:\n  beacon: {promote: {}}\n')).toEqual([
      'line 2:21  detectors.beacon.promote: is for mode: shadow only, which is where a trial takes place',
    ]);
    expect(problemsOf('detectors:\n  beacon: {mode: shadow, promote: {budget: 20}}\n')).toEqual([
      expect.stringContaining('detectors.beacon.promote.budget: not a budget, such as 20/day'),
    ]);
  });

  it('tells every problem at once, in the order of the file, with its line', () => {
    expect(
      problemsOf(`network:
  internal: [10.0.0.0/8, bogus]
ingest: { lateness: 5 minutes, foo: 3 }
detectors:
  port-scan: { mode: loud, windowMinutes: 99, nope: 1 }
  bogus: {}
feeds:
  - { name: x }
  - { file: a.txt }
  - { name: y, url: "http://plain.example/" }
exceptions:
  - { detector: port-scan }
  - { detector: bogus, subject: 1.2.3.4 }
policy: 5
`).map((problem) => problem.replace(/:[^:]*$/, '')),
    ).toEqual([
      'line 2:26  network.internal.1',
      'line 3:21  ingest.lateness: not a length of time',
      'line 3:37  ingest.foo',
      'line 5:22  detectors.port-scan.mode: not a mode',
      'line 5:43  detectors.port-scan.windowMinutes: Too big',
      'line 5:53  detectors.port-scan.nope',
      'line 6:10  detectors.bogus: no such detector',
      'line 8:5  feeds.0',
      'line 9:5  feeds.1.name',
      'line 10:21  feeds.2.url: not an https',
      'line 12:5  exceptions.0: mutes everything: name a subject, peer, port, protocol or rule, or set the detector to mode',
      'line 13:17  exceptions.1.detector: Invalid option',
      'line 14:9  policy: Invalid input',
    ]);
  });

  it('takes names as subjects of exceptions only where alerts are about names', () => {
    const except = (detector: string): string =>
      `exceptions: [{ detector: ${detector}, subject: eni-0a1b2c3d }]`;
    expect(parseConfig(except('telemetry-loss'), 'x.yaml').exceptions).toHaveLength(1);
    expect(() => parseConfig(except('port-scan'), 'x.yaml')).toThrow(
      /exceptions\.0\.subject: not an address/,
    );
  });

  it.each([
    ['a: [1', 'YAML that does not end'],
    ['network: {}\nnetwork: {}', 'a key that is there twice'],
    ['a: &x [*x]', 'an alias inside its anchor'],
    ['- 1', 'a list'],
    ['just text', 'a text'],
    ['__proto__: { internal: [10.0.0.0/8] }', 'a prototype'],
    ['detectors: { __proto__: { mode: off } }', 'a prototype among detectors'],
    ['detectors: 5', 'detectors that are none'],
    ['detectors: { port-scan: 5 }', 'options that are none'],
  ])('refuses %j: %s', (text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0);
    expect(({} as { internal?: unknown }).internal).toBeUndefined();
  });

  it('throws nothing but ConfigError, whatever the file holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseConfig(text, 'x.yaml');
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('looks whether the files it names are there, and tells the line', async () => {
    const file = join(folder, 'missing.yaml');
    writeFileSync(
      file,
      [
        'policy: none.yaml',
        'feeds:',
        '  - { name: x, file: none.txt }',
        'serve: { tls: { certificate: none.pem, key: none.key } }',
        'sources:',
        '  - { type: firehose, name: stream, accessKey: { file: none.txt } }',
        '  - { type: firehose, name: other, accessKey: { env: KEY } }',
      ].join('\n'),
    );
    await expect(loadConfig(file)).rejects.toMatchObject({
      exitCode: 2,
      problems: [
        expect.stringMatching(/^line 1:9 {2}policy: cannot read it: /),
        expect.stringMatching(/^line 3:22 {2}feeds\.0\.file: cannot read it: /),
        expect.stringMatching(/^line 4:30 {2}serve\.tls\.certificate: cannot read it: /),
        expect.stringMatching(/^line 4:45 {2}serve\.tls\.key: cannot read it: /),
        expect.stringMatching(/^line 6:56 {2}sources\.0\.accessKey\.file: cannot read it: /),
      ],
    });
  });

  it('takes paths relative to itself, and nothing else for a path', () => {
    const text = `serve: { tls: { certificate: a.pem, key: /b.key } }
sources:
  - { type: firehose, name: stream, accessKey: { file: key }, tls: { certificate: c.pem, key: d.key } }
  - { type: file, name: logs, paths: [logs] }
`;
    const { serve, sources } = parseConfig(text, '/etc/flowsentry/x.yaml');
    expect(serve?.tls).toMatchObject({
      certificate: '/etc/flowsentry/a.pem',
      key: '/b.key',
      minVersion: '1.2',
      clientCertificates: 'required',
    });
    expect(sources).toMatchObject([
      {
        accessKey: { file: '/etc/flowsentry/key' },
        tls: { certificate: '/etc/flowsentry/c.pem', key: '/etc/flowsentry/d.key' },
      },
      { paths: ['/etc/flowsentry/logs'] },
    ]);
  });

  it('says which file it cannot find', async () => {
    await expect(loadConfig(join(folder, 'nothing.yaml'))).rejects.toThrow(/nothing\.yaml/);
  });

  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
    readonly description?: string;
  }

  it('gives a JSON Schema in which every setting is described', () => {
    const bare: string[] = [];
    const walk = (schema: Schema, path: string): void => {
      for (const [key, value] of Object.entries(schema.properties ?? {})) {
        if (value.description === undefined) bare.push(`${path}${key}`);
        walk(value, `${path}${key}.`);
        if (value.items !== undefined) walk(value.items, `${path}${key}[].`);
      }
    };
    walk(configSchema(), '');
    expect(bare).toEqual([]);
  });
});

describe('detectors/duration', () => {
  it.each([
    [90, 90],
    ['90s', 90],
    ['5m', 300],
    ['1.5h', 5400],
    ['7d', 604_800],
    ['2w', 1_209_600],
  ])('reads %j as %d seconds', (value, seconds) => {
    expect(duration.parse(value)).toBe(seconds);
  });

  it.each(['', '5', 'm', '5 m', '-5m', '5min', -1, null, Number.NaN])('refuses %j', (value) => {
    expect(duration.safeParse(value).success).toBe(false);
  });

  it('can be written as JSON Schema', () => {
    expect(z.toJSONSchema(duration.prefault('5m'), { io: 'input' })).toMatchObject({ default: '5m' });
  });
});
