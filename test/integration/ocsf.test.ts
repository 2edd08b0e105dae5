import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectors } from '../../detectors/index.ts';
import type { Alert } from '../../src/contracts.ts';
import { recordsOf } from '../../src/send/records/records.ts';
import { filledWith, messageOf } from '../contracts/sink.ts';
import { alertOf, goldenAlerts } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { pythonEnvironment } from './rigs/deploy-tools.ts';

const VERSION = '1.2.0';
/** Takes events, a line each, and prints what the schema of a version has against them. */
const VALIDATE = `
import json, sys
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=sys.argv[1]))
for line in sys.stdin:
    event = json.loads(line)
    name = schemas.lookup_class_name_from_uid(event['class_uid'])
    schema = schemas.get_class_schema(name, event['metadata'].get('profiles', []))
    for error in Draft202012Validator(schema).iter_errors(event):
        print(error.json_path, error.message[:200])
`;

/** The schemas as their project publishes them, with every attribute that is not known refused. */
function problems(version: string, lines: readonly string[]): string {
  const folder = pythonEnvironment(`ocsf-json-schema-${VERSION}`, [
    `ocsf-json-schema==${VERSION}`,
    'jsonschema==4.26.0',
  ]);
  const { stdout, stderr, status } = spawnSync(join(folder, 'bin/python'), ['-c', VALIDATE, version], {
    input: lines.join('\n'),
    encoding: 'utf8',
  });
  return status === 0 ? stdout : stderr;
}

const linesOf = (alerts: readonly Alert[], more = {}): string[] =>
  recordsOf(messageOf(alerts, more), 'ocsf', { console: 'https://flows.example.org' }).map(
    ({ text }) => text,
  );

describe("OCSF's own schema", () => {
  const bare: Partial<Alert>[] = ['peer', 'port', 'protocol', 'interface', 'account'].map((name) => ({
    [name]: undefined,
  }));
  const lines = [
    ...linesOf([
      ...goldenAlerts(),
      alertOf(1),
      alertOf(2, { state: 'resolved', peer: '2001:db8::1', port: 443 }),
      ...detectors.map(({ attack }, i) => alertOf(i, { attack, samples: [] })),
      ...bare.map((less, i) => JSON.parse(JSON.stringify(alertOf(i, { samples: [], ...less })))),
      alertOf(3, { subject: 'eni-0a1b2c3d', attack: ['T9999'] }),
      ...HOSTILE.map(filledWith),
    ]),
    ...linesOf([alertOf(1)], { dropped: [{ detector: 'bad-ip', severity: 'low', alerts: 7 }], test: true }),
  ];

  it.each(['1.5.0', '1.6.0', '1.7.0', '1.8.0'])('takes every finding as one of version %s', (version) => {
    expect(lines.length).toBeGreaterThan(100);
    expect(problems(version, lines)).toBe('');
  });

  it('would refuse an attribute that it does not know, and miss one that has to be there', () => {
    const one = JSON.parse(lines[0] ?? '');
    const { uid: _, ...info } = one.finding_info;
    const said = problems('1.6.0', [JSON.stringify({ ...one, finding_info: { ...info, colour: 'red' } })]);
    expect(said).toContain("'colour' was unexpected");
    expect(said).toContain("'uid' is a required property");
  });
});
