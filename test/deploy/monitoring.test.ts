import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/live/metrics.ts';
import { type Any, readOne, readText } from './files.ts';

/** Metrics of every Prometheus server, not of a process. */
const OF_PROMETHEUS = ['up'];
/** Words of its language that stand where a metric might. */
const LANGUAGE =
  /\b(?:absent|sum|rate|increase|time|by|on|and|or|unless|histogram_quantile|predict_linear|changes|label_values|max|min|bool|count|group_left)\b/;

async function served(): Promise<Set<string>> {
  const page = await createMetrics().text();
  const names = new Set<string>(OF_PROMETHEUS);
  for (const [, name = '', type] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    names.add(name);
    if (type === 'histogram') for (const part of ['bucket', 'count', 'sum']) names.add(`${name}_${part}`);
  }
  return names;
}

function metricsOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|on|ignoring|without)\s*\([^)]*\)/g, '');
  return (bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? []).filter(
    (word) => !LANGUAGE.test(word) && !/^e\d+$/.test(word) && !word.startsWith('__'),
  );
}

const rules: Any[] = readOne('deploy/prometheus/alerts.yml').groups.flatMap((group: Any) => group.rules);
const dashboard = readOne('deploy/grafana/dashboard.json');
const targets: Any[] = dashboard.panels.flatMap((panel: Any) => panel.targets ?? []);

describe('alert rules', async () => {
  const names = await served();

  it('are about metrics that the service shows', () => {
    const asked = rules.flatMap((rule) => metricsOf(rule.expr));
    expect(asked.length).toBeGreaterThan(rules.length);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s says what is wrong, how bad, and where',
    (_, rule) => {
      expect(rule.labels.severity).toMatch(/^(critical|warning)$/);
      // What is not there has no instance.
      const where = rule.expr.startsWith('absent(') ? 'job' : 'instance';
      expect(rule.annotations.summary).toMatch(new RegExp(`\\{\\{ \\$labels\\.${where} \\}\\}.*\\.$`));
    },
  );

  it('are tested, firing and quiet', () => {
    const { tests } = readOne('deploy/prometheus/alerts.test.yml');
    const tried = (expected: boolean) =>
      new Set(
        tests.flatMap(({ alert_rule_test }: Any) =>
          alert_rule_test
            .filter((one: Any) => one.exp_alerts.length > 0 === expected)
            .map((one: Any) => one.alertname),
        ),
      );
    const alerts = new Set(rules.map((rule) => rule.alert));
    expect(tried(true)).toEqual(alerts);
    expect(tried(false)).toEqual(alerts);
  });
});

describe('dashboard', async () => {
  const names = await served();

  it('shows metrics that the service has', () => {
    const asked = targets.flatMap((target) => metricsOf(target.expr));
    expect(asked.length).toBeGreaterThan(30);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });

  it('shows every metric of ours', () => {
    const asked = new Set(targets.flatMap((target) => metricsOf(target.expr)));
    const ours = [...names].filter((name) => name.startsWith('flowsentry_') && !/_(count|sum)$/.test(name));
    const histograms = ours.filter((name) => name.endsWith('_bucket')).map((name) => name.slice(0, -7));
    expect(ours.filter((name) => !histograms.includes(name) && !asked.has(name))).toEqual([]);
  });

  it('asks the data source that is provisioned, and each panel has a place and an id of its own', () => {
    const { datasources } = readOne('deploy/grafana/provisioning/datasources/prometheus.yaml');
    for (const { datasource } of targets) expect(datasource.uid).toBe(datasources[0].uid);
    const ids = dashboard.panels.map((panel: Any) => panel.id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = new Set<string>();
    for (const { gridPos } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x).toBeLessThan(24);
          expect(cells.has(`${x} ${y}`)).toBe(false);
          cells.add(`${x} ${y}`);
        }
  });
});

describe('Prometheus', () => {
  it('scrapes and alerts over TLS, with a certificate of its own', () => {
    const { scrape_configs, alerting } = readOne('deploy/prometheus/prometheus.yml');
    for (const one of [...scrape_configs, ...alerting.alertmanagers]) {
      expect(one.scheme).toBe('https');
      expect(Object.keys(one.tls_config).sort()).toEqual(['ca_file', 'cert_file', 'key_file']);
    }
  });

  it('and Alertmanager let in who shows a certificate', () => {
    for (const place of ['prometheus', 'alertmanager'])
      expect(readOne(`deploy/${place}/web.yml`).tls_server_config).toMatchObject({
        client_auth_type: 'RequireAndVerifyClientCert',
        min_version: 'TLS12',
      });
  });

  it('never leaves verification out', () => {
    for (const folder of ['prometheus', 'alertmanager', 'compose', 'grafana/provisioning/datasources'])
      for (const file of readdirSync(join(import.meta.dirname, '../../deploy', folder), {
        withFileTypes: true,
      }))
        if (file.isFile())
          expect(readText(`deploy/${folder}/${file.name}`), file.name).not.toMatch(
            /insecure_skip_verify|tlsSkipVerify|rejectUnauthorized: false/,
          );
  });
});
