import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { register } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMetrics, lossIdentityError } from '../../src/live/metrics.ts';
import type { MetricsView } from '../../src/live/metrics-view.ts';

const records = {
  received: 100,
  stored: 80,
  duplicate: 7,
  late: 4,
  filtered: 3,
  rejected: { 'bad-number': 5, truncated: 1 },
};

/** Samples of a page by name and labels, as written. */
async function scrape(...views: Partial<MetricsView>[]): Promise<Map<string, number>> {
  const metrics = createMetrics();
  for (const view of views) metrics.provide(() => view);
  return samples(await metrics.text());
}

function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe('metrics', () => {
  it('show records by what became of them, and that none is missing', async () => {
    const page = await scrape({ records });
    expect(page.get('flowsentry_records_received_total')).toBe(100);
    expect(page.get('flowsentry_records_total{outcome="stored"}')).toBe(80);
    expect(page.get('flowsentry_records_total{outcome="rejected"}')).toBe(6);
    expect(page.get('flowsentry_records_rejected_total{reason="bad-number"}')).toBe(5);
    expect(page.get('flowsentry_loss_identity_error')).toBe(0);
  });

  it('show records that are missing or counted twice', async () => {
    expect(
      (await scrape({ records: { ...records, received: 103 } })).get('flowsentry_loss_identity_error'),
    ).toBe(3);
    expect(lossIdentityError({ ...records, stored: 81 })).toBe(-1);
  });

  it('show each source of the inventory, and of one that never answered no age', async () => {
    const page = await scrape({
      inventory: [
        { source: '123456789012 eu-central-1', entries: 7, age: 60 },
        { source: 'hosts.yaml', entries: 2 },
      ],
    });
    expect(page.get('flowsentry_inventory_entries{source="123456789012 eu-central-1"}')).toBe(7);
    expect(page.get('flowsentry_inventory_age_seconds{source="123456789012 eu-central-1"}')).toBe(60);
    expect(page.get('flowsentry_inventory_entries{source="hosts.yaml"}')).toBe(2);
    expect(page.has('flowsentry_inventory_age_seconds{source="hosts.yaml"}')).toBe(false);
  });

  it('show each feed, and of one without a list no age', async () => {
    const page = await scrape({
      feeds: [
        { feed: 'drop', networks: 900, age: 60, answers: { updated: 1, failed: 2, refused: 3, dropped: 4 } },
        { feed: 'new', networks: 0, answers: {} },
      ],
    });
    expect(page.get('flowsentry_feed_networks{feed="drop"}')).toBe(900);
    expect(page.get('flowsentry_feed_age_seconds{feed="drop"}')).toBe(60);
    expect(page.has('flowsentry_feed_age_seconds{feed="new"}')).toBe(false);
    expect(page.get('flowsentry_feed_answers_total{feed="drop",outcome="refused"}')).toBe(3);
  });

  it('show looks through the history for what feeds have new', async () => {
    const page = await scrape({
      retro: { done: 1, failed: 2, given_up: 3, pending: 4, told: 5, over_budget: 6 },
    });
    expect(page.get('flowsentry_retro_hunts_total{outcome="given_up"}')).toBe(3);
    expect(page.get('flowsentry_retro_hunts_pending')).toBe(4);
    expect(page.get('flowsentry_retro_contacts_total{outcome="over_budget"}')).toBe(6);
  });

  it('leave out what nobody provides', async () => {
    const page = await scrape({});
    const ours = [...page.keys()].filter((name) => name.startsWith('flowsentry_'));
    expect(
      ours.filter(
        (name) => !name.startsWith('flowsentry_checkpoint') && !name.startsWith('flowsentry_alert_delay'),
      ),
    ).toEqual([]);
  });

  it('are asked for at each scrape, and never add up', async () => {
    const metrics = createMetrics();
    let asked = 0;
    metrics.provide(() => ({ bytes: 10 * ++asked }));
    expect(asked).toBe(0);
    await metrics.text();
    expect(samples(await metrics.text()).get('flowsentry_bytes_received_total')).toBe(20);
  });

  it('show one moment on a page, also when several ask at once', async () => {
    const metrics = createMetrics();
    let asked = 0;
    metrics.provide(() => ({ bytes: ++asked, logLinesDropped: asked }));
    const pages = await Promise.all(Array.from({ length: 5 }, () => metrics.text()));
    for (const [i, text] of pages.entries()) {
      const page = samples(text);
      expect(page.get('flowsentry_bytes_received_total')).toBe(i + 1);
      expect(page.get('flowsentry_log_lines_dropped_total')).toBe(i + 1);
    }
  });

  it('come from several providers', async () => {
    const page = await scrape({ queueBytes: 5, segments: 1 }, { segments: 2, paused: ['disk'] });
    expect(page.get('flowsentry_queue_bytes')).toBe(5);
    expect(page.get('flowsentry_segments')).toBe(2);
    expect(page.get('flowsentry_ingest_paused{reason="disk"}')).toBe(1);
  });

  it('show what the records cover, and what each detector is worth', async () => {
    const page = await scrape({
      coverage: {
        from: 1_767_571_200,
        to: 1_767_574_800,
        interfaces: { seen: 9, expected: 8, speaking: 7 },
        minutes: { expected: 480, heard: 470 },
        records: 1000,
        skipData: 3,
        late: 2,
        rejected: 1,
        detectors: [
          { detector: 'bad-ip', state: 'off', why: 'no feeds' },
          { detector: 'volume-spike', state: 'learning', until: 1_767_830_400 },
          {
            ...{ detector: 'beacon', state: 'shadow' },
            trial: { since: 1_767_571_200, budget: 20, lastDay: 3, until: 1_767_744_000 },
          },
          {
            ...{ detector: 'irc', state: 'on' },
            trial: { since: 1_767_571_200, budget: 20, lastDay: 0, promoted: 1_767_574_800 },
          },
        ],
      },
    });
    expect(page.get('flowsentry_coverage_interfaces{state="speaking"}')).toBe(7);
    expect(page.get('flowsentry_coverage_interface_minutes_total{state="heard"}')).toBe(470);
    expect(page.get('flowsentry_coverage_records_total')).toBe(1000);
    expect(page.get('flowsentry_coverage_flawed_records_total{reason="skipdata"}')).toBe(3);
    expect(page.get('flowsentry_detector_state{detector="bad-ip",state="off"}')).toBe(1);
    expect(page.get('flowsentry_detector_learns_until_seconds{detector="volume-spike"}')).toBe(1_767_830_400);
    expect(page.get('flowsentry_trial_alerts{detector="beacon"}')).toBe(3);
    expect(page.get('flowsentry_trial_budget_alerts{detector="beacon"}')).toBe(20);
    expect(page.get('flowsentry_trial_ends_seconds{detector="beacon"}')).toBe(1_767_744_000);
    expect(page.get('flowsentry_detector_promoted_seconds{detector="irc"}')).toBe(1_767_574_800);
    expect(page.has('flowsentry_trial_alerts{detector="irc"}')).toBe(false);
  });

  it('have labels for sources, detectors, tables, files and outcomes', async () => {
    const page = await scrape({
      sources: [
        { source: 'orders', records: 70, lagSeconds: 12.5 },
        { source: 'quiet', losses: 1 },
      ],
      detectors: [{ detector: 'port-scan', seconds: 0.5, findings: 9, shadowed: 4 }],
      alerts: [{ detector: 'port-scan', severity: 'high', count: 2 }],
      overflow: { sessions: 4 },
      certificates: [{ file: 'server.pem', notAfter: 1_800_000_000 }],
      configReloads: { loaded: 1, refused: 2 },
    });
    expect(page.get('flowsentry_source_records_total{source="orders"}')).toBe(70);
    expect(page.get('flowsentry_source_lag_seconds{source="orders"}')).toBe(12.5);
    expect(page.has('flowsentry_source_lag_seconds{source="quiet"}')).toBe(false);
    expect(page.get('flowsentry_source_losses_total{source="quiet"}')).toBe(1);
    expect(page.get('flowsentry_detector_seconds_total{detector="port-scan"}')).toBe(0.5);
    expect(page.get('flowsentry_findings_total{detector="port-scan"}')).toBe(9);
    expect(page.get('flowsentry_shadow_alerts_total{detector="port-scan"}')).toBe(4);
    expect(page.get('flowsentry_alerts_total{detector="port-scan",severity="high"}')).toBe(2);
    expect(page.get('flowsentry_overflow_total{table="sessions"}')).toBe(4);
    expect(page.get('flowsentry_cert_not_after{file="server.pem"}')).toBe(1_800_000_000);
    expect(page.get('flowsentry_config_reloads_total{outcome="refused"}')).toBe(2);
  });

  it('have histograms of checkpoints, deliveries and alerts', async () => {
    const metrics = createMetrics();
    metrics.observeCheckpoint(0.2);
    metrics.observeDelivery('orders', 45);
    metrics.observeDelivery('orders', -3);
    metrics.observeAlertDelay(Number.NaN);
    const page = samples(await metrics.text());
    expect(page.get('flowsentry_checkpoint_seconds_bucket{le="0.3"}')).toBe(1);
    expect(page.get('flowsentry_delivery_lag_seconds_count{source="orders"}')).toBe(2);
    expect(page.get('flowsentry_delivery_lag_seconds_sum{source="orders"}')).toBe(45);
    expect(page.get('flowsentry_alert_delay_seconds_count')).toBe(0);
  });

  it('bound the series of one metric, and sum up the rest', async () => {
    const overflow = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`t${i}`, 1]));
    const page = await scrape({ overflow });
    expect([...page.keys()].filter((name) => name.startsWith('flowsentry_overflow_total'))).toHaveLength(201);
    expect(page.get('flowsentry_overflow_total{table="other"}')).toBe(800);
  });

  it('escape names from outside', async () => {
    const page = await scrape({ sources: [{ source: 'a"b\\c\nd', records: 1 }] });
    expect(page.get('flowsentry_source_records_total{source="a\\"b\\\\c\\nd"}')).toBe(1);
  });

  it('show the process: memory, descriptors, the delay of the event loop', async () => {
    const page = await scrape({});
    for (const name of [
      'process_resident_memory_bytes',
      'process_open_fds',
      'nodejs_eventloop_lag_p99_seconds',
    ])
      expect(page.get(name)).toBeGreaterThan(0);
  });

  it('leave the registry of the process alone, and may exist twice', async () => {
    createMetrics();
    createMetrics();
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it('do not keep a process alive', () => {
    const file = JSON.stringify(join(import.meta.dirname, '../../src/live/metrics.ts'));
    const script = `import { createMetrics } from ${file}; await createMetrics().text();`;
    const { status } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      timeout: 300_000,
    });
    expect(status).toBe(0);
  });
});
