import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ROOT } from '../deploy/dockerfile.ts';
import { type Any, readOne, readText } from '../deploy/files.ts';
import { composeReader, promtool, pythonTool, run } from './rigs/deploy-tools.ts';

const work = mkdtempSync(join(tmpdir(), 'flowsentry-deploy-'));
const deploy = join(ROOT, 'deploy');

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

describe('certificates.sh', () => {
  const out = join(work, 'certificates');
  const make = () =>
    run('sh', [join(deploy, 'compose/certificates.sh'), out], { env: { ...process.env, OWNERS: 'no' } });

  it('makes certificates that hold for what each service is, and for nothing else', () => {
    make();
    const verify = (name: string, purpose: string, host?: string) =>
      spawnSync('openssl', [
        'verify',
        '-x509_strict',
        '-CAfile',
        join(out, 'ca/ca.crt'),
        '-purpose',
        purpose,
        ...(host === undefined ? [] : ['-verify_hostname', host]),
        join(out, name, 'tls.crt'),
      ]).status;
    expect(verify('kafka', 'sslserver', 'kafka')).toBe(0);
    expect(verify('kafka', 'sslserver', 'flowsentry')).not.toBe(0);
    expect(verify('flowsentry', 'sslserver', 'flowsentry')).toBe(0);
    expect(verify('flowsentry', 'sslclient')).toBe(0);
    expect(verify('producer', 'sslclient')).toBe(0);
    expect(verify('producer', 'sslserver')).not.toBe(0);
  });

  it('leaves good certificates and the password as they are, and makes those anew that end soon', () => {
    const files = ['kafka/tls.key', 'flowsentry/tls.key', 'grafana/password', 'ca/ca.key'];
    const read = () => files.map((file) => readFileSync(join(out, file), 'utf8'));
    const before = read();
    expect(make()).toBe('');
    expect(read()).toEqual(before);
    const at = (name: string) => join(out, name);
    const copied = ['-copy_extensions', 'copyall'];
    const csr = join(work, 'kafka.csr');
    const from = ['-in', at('kafka/tls.crt'), '-signkey', at('kafka/tls.key')];
    run('openssl', ['x509', '-x509toreq', ...from, ...copied, '-out', csr]);
    const by = ['-CA', at('ca/ca.crt'), '-CAkey', at('ca/ca.key')];
    run('openssl', ['x509', '-req', '-in', csr, ...by, '-days', '5', ...copied, '-out', at('kafka/tls.crt')]);
    expect(make()).toBe('made a certificate for kafka\n');
    expect(read()[0]).not.toBe(before[0]);
    expect(read().slice(1)).toEqual(before.slice(1));
  });
});

describe('Prometheus', () => {
  let tool: string;
  const copy = join(work, 'prometheus');

  beforeAll(() => {
    tool = promtool();
    mkdirSync(copy);
    copyFileSync(join(deploy, 'prometheus/alerts.yml'), join(copy, 'alerts.yml'));
    // It looks whether the certificates are there.
    for (const file of ['prometheus.yml', 'web.yml'])
      writeFileSync(
        join(copy, file),
        readText(`deploy/prometheus/${file}`).replaceAll(
          '/certificates/',
          `${join(work, 'certificates/prometheus')}/`,
        ),
      );
  });

  it('takes the configuration', () => {
    expect(run(tool, ['check', 'config', join(copy, 'prometheus.yml')])).toContain('SUCCESS');
    expect(run(tool, ['check', 'web-config', join(copy, 'web.yml')])).toContain('SUCCESS');
  });

  it('fires each alert when it should, and not when it should not', () => {
    expect(run(tool, ['test', 'rules', join(deploy, 'prometheus/alerts.test.yml')])).toContain('SUCCESS');
  });

  it('understands what the dashboard asks', () => {
    const { panels } = readOne('deploy/grafana/dashboard.json');
    const asked: string[] = panels.flatMap((panel: Any) =>
      (panel.targets ?? []).map((target: Any) => target.expr),
    );
    const rules = asked.map((expr, i) => ({
      record: `asked:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const file = join(work, 'dashboard-rules.yml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    expect(run(tool, ['check', 'rules', file])).toContain(`SUCCESS: ${asked.length} rules found`);
  });
});

describe('others', () => {
  it('Compose takes docker-compose.yml', () => {
    expect(run(composeReader(), [join(ROOT, 'docker-compose.yml')])).toContain('name: flowsentry');
  });

  it('CloudFormation finds nothing to object to', () => {
    expect(run(pythonTool('cfn-lint', '1.58.0'), [join(deploy, 'aws/flow-logs.cloudformation.yaml')])).toBe(
      '',
    );
  });

  it.each(['flowsentry', 'network-policy'])('Kubernetes knows every field of %s.yaml', (name) => {
    const said = run(pythonTool('kubernetes-validate', '1.37.0'), [
      '--strict',
      join(deploy, `kubernetes/${name}.yaml`),
    ]);
    expect(said).toContain('passed');
  });

  it('systemd takes the unit, and calls it safe', () => {
    const unit = join(work, 'flowsentry.service');
    // The program lies elsewhere here.
    writeFileSync(
      unit,
      readText('deploy/systemd/flowsentry.service').replace('/usr/bin/node', process.execPath),
    );
    expect(run('systemd-analyze', ['verify', unit])).toBe('');
    const said = run('systemd-analyze', ['security', '--offline=true', unit, '--no-pager']);
    expect(Number(/exposure level for \S+: (\d+\.\d+)/.exec(said)?.[1])).toBeLessThan(2);
  });
});

describe('system calls', () => {
  /** The names behind a group such as @system-service, groups in it included. */
  function callsOf(group: string): Set<string> {
    const lines = run('systemd-analyze', ['syscall-filter', '--no-pager', group])
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#') && line !== group);
    return new Set(lines.flatMap((line) => (line.startsWith('@') ? [...callsOf(line)] : [line])));
  }

  it('of replaying and querying are those that the unit allows', () => {
    const filters = readText('deploy/systemd/flowsentry.service').match(/(?<=^SystemCallFilter=).*/gm) ?? [];
    const groups = (denied: boolean) =>
      filters
        .filter((line) => line.startsWith('~') === denied)
        .flatMap((line) => line.replace('~', '').split(' '));
    const allowed = new Set(groups(false).flatMap((group) => [...callsOf(group)]));
    for (const group of groups(true)) for (const call of callsOf(group)) allowed.delete(call);
    expect(allowed.size).toBeGreaterThan(200);

    const trace = join(work, 'trace');
    const data = join(work, 'data');
    const bin = join(ROOT, 'bin/flowsentry.cjs');
    for (const args of [
      [
        'replay',
        join(ROOT, 'sample-logs'),
        '--config',
        join(ROOT, 'sample-logs/flowsentry.yaml'),
        '--data',
        data,
      ],
      ['query', '--data', data, 'SELECT count(*) FROM flows'],
    ])
      run('strace', ['-f', '-qq', '-A', '-o', trace, process.execPath, bin, ...args]);
    const used = new Set(
      [...readFileSync(trace, 'utf8').matchAll(/^\d+\s+([a-z_0-9]+)\(/gm)].map(([, name = '']) => name),
    );
    expect(used.size).toBeGreaterThan(30);
    expect([...used].filter((call) => !allowed.has(call)).sort()).toEqual([]);
  });
});
