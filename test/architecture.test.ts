import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** What the files of a place may import beside their own folder. The first place that a file's path begins with counts. */
const TABLE: readonly { place: string; imports: readonly string[]; packages: readonly string[] }[] = [
  { place: 'src/columns/', imports: [], packages: [] },
  { place: 'src/contracts', imports: ['src/columns/', 'src/contracts'], packages: [] },
  { place: 'src/errors.ts', imports: [], packages: [] },
  { place: 'src/pipeline.ts', imports: ['src/columns/', 'src/contracts.ts'], packages: [] },
  {
    place: 'src/outbound/',
    imports: ['src/errors.ts'],
    packages: ['zod', '@smithy/node-http-handler', 'kafkajs', 'aws-msk-iam-sasl-signer-js'],
  },
  stage(
    'ingest',
    'zod',
    'kafkajs',
    'lz4js',
    'snappyjs',
    '@aws-sdk/client-cloudwatch-logs',
    '@aws-sdk/client-ec2',
    '@aws-sdk/client-s3',
    '@aws-sdk/client-sqs',
  ),
  stage('parse', 'hyparquet', 'hyparquet-compressors'),
  {
    ...stage('reference', 'yaml', 'zod', '@aws-sdk/client-ec2', '@aws-sdk/credential-providers', 'mmdb-lib'),
    imports: [...stage('reference').imports, 'detectors/duration.ts'],
  },
  stage('rollup'),
  stage('score', 'yaml'),
  {
    ...stage(
      'send',
      'zod',
      '@aws-sdk/client-eventbridge',
      '@aws-sdk/client-securityhub',
      '@aws-sdk/client-sns',
      '@aws-sdk/client-sqs',
      'jose',
      'kafkajs',
      'liquidjs',
      'nodemailer',
    ),
    imports: [...stage('send').imports, 'detectors/duration.ts'],
  },
  stage('serve', 'zod'),
  stage('store', '@duckdb/node-api', '@duckdb/node-bindings'),
  { place: 'src/simulate/', imports: ['src/columns/', 'src/errors.ts'], packages: [] },
  // The thread that reads: it wires sources and parsers as app.ts wires the rest.
  {
    place: 'src/reader/',
    imports: [
      'src/columns/',
      'src/contracts.ts',
      'src/errors.ts',
      'src/decode.ts',
      'src/ingest/',
      'src/serve/',
    ],
    packages: [],
  },
  // What the sources bring, on to Kafka: it wires them to a writer as the reader wires them to the parsers.
  {
    place: 'src/forward/',
    imports: [
      'src/contracts.ts',
      'src/errors.ts',
      'src/ingest/',
      'src/outbound/',
      'src/parse/',
      'src/reader/',
      'src/store/',
      'src/uncovered.ts',
    ],
    packages: ['kafkajs', 'zod'],
  },
  {
    place: 'src/decode.ts',
    imports: ['src/columns/', 'src/contracts.ts', 'src/errors.ts', 'src/ingest/', 'src/parse/'],
    packages: [],
  },
  { place: 'src/config', imports: ['src/', 'detectors/'], packages: ['yaml', 'zod'] },
  {
    place: 'src/cli/',
    imports: ['src/', 'detectors/index.ts', 'detectors/define.ts'],
    packages: ['commander', 'cli-table3', 'zod'],
  },
  { place: 'src/log', imports: ['src/log', 'src/errors.ts'], packages: ['pino'] },
  {
    place: 'src/live/metrics.ts',
    imports: ['src/contracts.ts', 'src/live/metrics-view.ts'],
    packages: ['prom-client'],
  },
  { place: 'src/main.ts', imports: ['src/cli/', 'src/errors.ts'], packages: ['commander'] },
  // What lives as long as a service does, and no longer: `run` puts it around the engine.
  { place: 'src/live/', imports: ['src/', 'detectors/index.ts'], packages: [] },
  // Composition: what is left in src/ itself.
  { place: 'src/', imports: ['src/', 'detectors/index.ts'], packages: [] },
  { place: 'detectors/index.ts', imports: ['detectors/', 'src/contracts.ts'], packages: [] },
  // A detector's own folder, and the files that lie beside the folders.
  { place: 'detectors/', imports: ['src/columns/', 'src/contracts.ts'], packages: ['zod'] },
];

function stage(name: string, ...packages: string[]) {
  return {
    place: `src/${name}/`,
    imports: ['src/columns/', 'src/contracts.ts', 'src/errors.ts', 'src/outbound/'],
    packages,
  };
}

/** The only places that may open a connection or wait for one. */
const OUTBOUND = ['src/outbound/', 'src/serve/'];
const CONNECTIONS = /^node:(?:https?|http2|net|tls|dns|dns\/promises|dgram)$/;
/** Files that are mostly a table of facts. */
const LONG_TABLES: readonly string[] = ['src/simulate/workload.ts'];
const MAX_LINES = 300;

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

async function list(pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const file of glob(pattern, { cwd: root })) found.push(file);
  return found.sort();
}

/** Why a file must not import something; undefined when it may. */
function breach(file: string, specifier: string): string | undefined {
  const rule = TABLE.find(({ place }) => file.startsWith(place));
  if (rule === undefined) return 'lies in no known place';
  if (isBuiltin(specifier)) {
    if (CONNECTIONS.test(specifier) && !OUTBOUND.some((place) => file.startsWith(place)))
      return `only ${OUTBOUND.join(', ')} open connections`;
    return undefined;
  }
  if (!specifier.startsWith('.')) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return rule.packages.includes(name) ? undefined : `${rule.place} may not use ${name}`;
  }
  const target = normalize(join(dirname(file), specifier));
  if (target.startsWith('detectors/') && file.startsWith('detectors/') && file !== 'detectors/index.ts') {
    const shared = target.split('/').length === 2 && target !== 'detectors/index.ts';
    return shared || dirname(target) === dirname(file) ? undefined : 'detectors never import each other';
  }
  if (rule.place.endsWith('/') && target.startsWith(rule.place)) return undefined;
  return rule.imports.some((place) => target.startsWith(place))
    ? undefined
    : `${rule.place} may not import it`;
}

describe('architecture', async () => {
  const files = (await list('{src,detectors}/**/*.ts')).filter((file) => !file.endsWith('.test.ts'));

  it('finds the sources', () => {
    expect(files).toContain('src/main.ts');
    expect(files.length).toBeGreaterThan(80);
  });

  it('lets places import only what the table allows', () => {
    const breaches = files.flatMap((file) =>
      importsOf(readFileSync(join(root, file), 'utf8')).flatMap((specifier) => {
        const why = breach(file, specifier);
        return why === undefined ? [] : [`${file} imports ${specifier}: ${why}`];
      }),
    );
    expect(breaches).toEqual([]);
  });

  it.each([
    ['src/parse/text.ts', '../rollup/rollup.ts', 'a stage imports another stage'],
    ['src/parse/text.ts', '../app.ts', 'a stage imports the composition'],
    ['src/rollup/rollup.ts', '@duckdb/node-api', 'a package of another stage'],
    ['src/columns/address.ts', '../contracts.ts', 'columns import something'],
    ['src/store/history/history.ts', 'node:net', 'a connection from elsewhere'],
    ['detectors/port-scan/detector.ts', '../volume-spike/config.ts', 'a detector imports another'],
    ['detectors/port-scan/detector.ts', '../index.ts', 'a detector imports the registry'],
    ['detectors/port-scan/detector.ts', '../../src/rollup/rollup.ts', 'a detector imports a stage'],
    ['detectors/evidence.ts', './port-scan/detector.ts', 'a shared file imports a detector'],
    ['detectors/port-scan/detector.ts', 'yaml', 'a detector imports a package'],
  ])('refuses that %s imports %s: %s', (file, specifier) => {
    expect(breach(file, specifier)).toBeDefined();
  });

  it('sees every kind of import', () => {
    const text = `import { a } from './a.ts';\nimport type {\n  b,\n} from "./b.ts";\nexport * from './c.ts';\nimport './d.ts';\nawait import('./e.ts');`;
    expect(importsOf(text)).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts']);
  });

  it('names every folder of src in the table', async () => {
    const folders = new Set((await list('src/*/*.ts')).map((file) => `${dirname(file)}/`));
    expect([...folders].filter((folder) => !TABLE.some(({ place }) => place === folder))).toEqual([]);
  });

  it('opens no connection without an import', () => {
    const users = files.filter(
      (file) =>
        !OUTBOUND.some((place) => file.startsWith(place)) &&
        /(?:\bawait|\breturn|=>|=|globalThis\.)\s*fetch\(|\bnew (?:WebSocket|EventSource)\(/.test(
          readFileSync(join(root, file), 'utf8'),
        ),
    );
    expect(users).toEqual([]);
  });

  it(`keeps files within ${MAX_LINES} lines`, () => {
    const long = files.filter(
      (file) =>
        !LONG_TABLES.includes(file) &&
        readFileSync(join(root, file), 'utf8').split('\n').length - 1 > MAX_LINES,
    );
    expect(long).toEqual([]);
  });

  it('shares the pipeline on one screen', () => {
    const lines = readFileSync(join(root, 'src/pipeline.ts'), 'utf8').split('\n').length;
    expect(lines).toBeLessThan(120);
  });

  it('names no file after nothing', () => {
    const vague = files.filter((file) =>
      /(?:^|[/-])(?:utils?|helpers?|common|manager|service|base|impl|misc)(?:[/.-])/.test(file),
    );
    expect(vague).toEqual([]);
  });
});
