import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Trial } from '../contracts.ts';
import type { MetricsView, RecordCounts, SourceMetrics } from './metrics-view.ts';

export interface Metrics {
  /** `read` is called at each scrape and never otherwise; parts given twice are taken from the last one that gave them. */
  provide(read: () => Partial<MetricsView>): void;
  /** Seconds a checkpoint took. */
  observeCheckpoint(seconds: number): void;
  /** Seconds from when records became available to us until they were taken; once a delivery. */
  observeDelivery(source: string, seconds: number): void;
  /** Seconds from when records became available until what was found in them was in the outbox. */
  observeAlertDelay(seconds: number): void;
  /** The page in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Most series of one metric: what comes after is summed up under `other`. */
const MAX_SERIES = 200;
const OTHER = 'other';

type Row = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Family {
  readonly type: 'counter' | 'gauge';
  /** Without the prefix. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** A number, or a row for each series; undefined while nobody provides it. */
  readonly read: (view: Partial<MetricsView>) => number | readonly Row[] | undefined;
}

/** What {@link RecordCounts} leaves unexplained: 0, or records were lost or counted twice. */
export function lossIdentityError(records: RecordCounts): number {
  const { received, stored, duplicate, late, filtered } = records;
  return received - (stored + duplicate + late + filtered + sum(records.rejected));
}

function sum(counts: Readonly<Record<string, number | undefined>>): number {
  return Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0);
}

function rows(label: string, counts: Readonly<Record<string, number | undefined>> | undefined) {
  if (counts === undefined) return undefined;
  return Object.entries(counts).map(([value, count]): Row => [{ [label]: value }, count ?? 0]);
}

function bySink(view: Partial<MetricsView>, of: (sink: MetricsView['sinks'][number]) => number) {
  return view.sinks?.map((one): Row => [{ sink: one.sink }, of(one)]);
}

function byTrial(view: Partial<MetricsView>, of: (trial: Trial) => number | undefined) {
  return view.coverage?.detectors.flatMap(({ detector, trial }): Row[] => {
    const value = trial === undefined ? undefined : of(trial);
    return value === undefined ? [] : [[{ detector }, value]];
  });
}

function bySource(view: Partial<MetricsView>, of: (source: SourceMetrics) => number | undefined) {
  return view.sources?.flatMap((one): Row[] => {
    const value = of(one);
    return value === undefined ? [] : [[{ source: one.source }, value]];
  });
}

// biome-ignore format: a row a metric; the formatter would make seven lines of each, and a table of 500.
const FAMILIES: readonly Family[] = [
  { type: 'counter', name: 'records_received_total', help: 'Records that sources delivered.', read: (v) => v.records?.received },
  { type: 'counter', name: 'records_total', help: 'Records by what became of them; together they are all that were received.', labels: ['outcome'],
    read: ({ records: r }) => r && rows('outcome', { stored: r.stored, rejected: sum(r.rejected), duplicate: r.duplicate, late: r.late, filtered: r.filtered }) },
  { type: 'counter', name: 'records_rejected_total', help: 'Records that could not be used, by reason.', labels: ['reason'], read: (v) => rows('reason', v.records?.rejected) },
  { type: 'gauge', name: 'loss_identity_error', help: 'received - (stored + rejected + duplicate + late + filtered); anything but 0 is a defect.', read: (v) => v.records && lossIdentityError(v.records) },
  { type: 'counter', name: 'bytes_received_total', help: 'Bytes read from sources, as they were delivered.', read: (v) => v.bytes },
  { type: 'counter', name: 'source_records_total', help: 'Records read, by source; what is read again after a failure counts again.', labels: ['source'], read: (v) => bySource(v, (s) => s.records) },
  { type: 'gauge', name: 'source_lag_seconds', help: 'Newest event time read, behind the clock.', labels: ['source'], read: (v) => bySource(v, (s) => s.lagSeconds) },
  { type: 'counter', name: 'source_losses_total', help: 'Stretches of a source that could no longer be read.', labels: ['source'], read: (v) => bySource(v, (s) => s.losses) },
  { type: 'counter', name: 'data_loss_events_total', help: 'Times data was found to be lost.', read: (v) => v.dataLossEvents },
  { type: 'gauge', name: 'watermark_seconds', help: 'Event time up to which windows are closed, Unix seconds.', read: (v) => (v.watermark === 0 ? undefined : v.watermark) },
  { type: 'gauge', name: 'queue_bytes', help: 'Bytes of records in columns that were read and are not in a file of history yet.', read: (v) => v.queueBytes },
  { type: 'gauge', name: 'segments', help: 'Files of history.', read: (v) => v.segments },
  { type: 'gauge', name: 'sessions_open', help: 'Sessions followed.', read: (v) => v.sessionsOpen },
  { type: 'gauge', name: 'flows_open', help: 'Flows in steps that are not closed yet.', read: (v) => v.flowsOpen },
  { type: 'counter', name: 'overflow_total', help: 'Keys that found no place, by table.', labels: ['table'], read: (v) => rows('table', v.overflow) },
  { type: 'counter', name: 'detector_seconds_total', help: 'Time spent in a detector.', labels: ['detector'], read: (v) => v.detectors?.map((d) => [{ detector: d.detector }, d.seconds]) },
  { type: 'counter', name: 'findings_total', help: 'What detectors found, before it is grouped to alerts.', labels: ['detector'], read: (v) => v.detectors?.map((d) => [{ detector: d.detector }, d.findings]) },
  { type: 'counter', name: 'shadow_alerts_total', help: 'Alerts that began to fire while their detector was in the shadow.', labels: ['detector'], read: (v) => v.detectors?.map((d) => [{ detector: d.detector }, d.shadowed]) },
  { type: 'gauge', name: 'coverage_interfaces', help: 'Network interfaces: ever seen, heard within a day (expected), heard within two aggregation intervals (speaking).', labels: ['state'], read: (v) => rows('state', v.coverage && { ...v.coverage.interfaces }) },
  { type: 'counter', name: 'coverage_interface_minutes_total', help: 'Minutes of interfaces in which they were expected, and those that records cover (heard).', labels: ['state'], read: (v) => rows('state', v.coverage && { ...v.coverage.minutes }) },
  { type: 'counter', name: 'coverage_records_total', help: 'Records of the data folder, duplicates left out.', read: (v) => v.coverage?.records },
  { type: 'counter', name: 'coverage_flawed_records_total', help: 'Those that say others were skipped, that came late or that could not be used.', labels: ['reason'],
    read: ({ coverage: c }) => c && rows('reason', { skipdata: c.skipData, late: c.late, rejected: c.rejected }) },
  { type: 'gauge', name: 'detector_state', help: '1 for the state a detector is in: on, shadow, learning, off or failed.', labels: ['detector', 'state'], read: (v) => v.coverage?.detectors.map((d) => [{ detector: d.detector, state: d.state }, 1]) },
  { type: 'gauge', name: 'detector_learns_until_seconds', help: 'Event time until which a detector only learns, Unix seconds.', labels: ['detector'],
    read: (v) => v.coverage?.detectors.flatMap((d): Row[] => (d.until === undefined ? [] : [[{ detector: d.detector }, d.until]])) },
  { type: 'gauge', name: 'feed_networks', help: 'Networks in the list of a feed that is in use.', labels: ['feed'], read: (v) => v.feeds?.map((f) => [{ feed: f.feed }, f.networks]) },
  { type: 'gauge', name: 'feed_age_seconds', help: 'Time since a feed last confirmed the list in use.', labels: ['feed'], read: (v) => v.feeds?.flatMap((f): Row[] => (f.age === undefined ? [] : [[{ feed: f.feed }, f.age]])) },
  { type: 'counter', name: 'feed_answers_total', help: 'Times a feed was asked, by what became of it: updated, unchanged, refused, failed or dropped.', labels: ['feed', 'outcome'], read: (v) => v.feeds?.flatMap((f) => Object.entries(f.answers).map(([outcome, n]): Row => [{ feed: f.feed, outcome }, n ?? 0])) },
  { type: 'gauge', name: 'inventory_entries', help: 'What a source of the inventory knows, those that ended included.', labels: ['source'], read: (v) => v.inventory?.map((i) => [{ source: i.source }, i.entries]) },
  { type: 'gauge', name: 'inventory_age_seconds', help: 'Time since a source of the inventory last answered.', labels: ['source'], read: (v) => v.inventory?.flatMap((i): Row[] => (i.age === undefined ? [] : [[{ source: i.source }, i.age]])) },
  { type: 'gauge', name: 'trial_alerts', help: 'Alerts of the last 24 hours of event time, of a detector on trial.', labels: ['detector'], read: (v) => byTrial(v, (t) => (t.promoted === undefined ? t.lastDay : undefined)) },
  { type: 'gauge', name: 'trial_budget_alerts', help: 'Most alerts that it may have within 24 hours.', labels: ['detector'], read: (v) => byTrial(v, (t) => (t.promoted === undefined ? t.budget : undefined)) },
  { type: 'gauge', name: 'trial_ends_seconds', help: 'Event time at which it is promoted if it keeps to its budget, Unix seconds.', labels: ['detector'], read: (v) => byTrial(v, (t) => t.until) },
  { type: 'gauge', name: 'detector_promoted_seconds', help: 'Event time at which a detector left the shadow, Unix seconds.', labels: ['detector'], read: (v) => byTrial(v, (t) => t.promoted) },
  { type: 'counter', name: 'retro_hunts_total', help: 'Looks through the history for what feeds have new, by what became of them.', labels: ['outcome'], read: ({ retro: r }) => r && rows('outcome', { done: r.done, failed: r.failed, given_up: r.given_up }) },
  { type: 'gauge', name: 'retro_hunts_pending', help: 'Looks through the history that are still to be done.', read: (v) => v.retro?.pending },
  { type: 'counter', name: 'retro_contacts_total', help: 'Contacts of the past with what feeds have new: told, or beyond the budget.', labels: ['outcome'], read: ({ retro: r }) => r && rows('outcome', { told: r.told, over_budget: r.over_budget }) },
  { type: 'counter', name: 'alerts_total', help: 'Alerts opened.', labels: ['detector', 'severity'], read: (v) => v.alerts?.map((a) => [{ detector: a.detector, severity: a.severity }, a.count]) },
  { type: 'gauge', name: 'alerts_firing', help: 'Alerts that are not resolved.', read: (v) => v.alertsFiring },
  { type: 'counter', name: 'messages_delivered_total', help: 'Messages that a sink took.', labels: ['sink'], read: (v) => bySink(v, (s) => s.delivered) },
  { type: 'counter', name: 'message_failures_total', help: 'Attempts that a sink did not take, by reason.', labels: ['sink', 'reason'],
    read: (v) => v.sinks?.flatMap((s) => Object.entries(s.failed).map(([reason, n]): Row => [{ sink: s.sink, reason }, n ?? 0])) },
  { type: 'gauge', name: 'sink_up', help: '0 while a sink fails again and again.', labels: ['sink'], read: (v) => bySink(v, (s) => Number(!s.broken)) },
  { type: 'counter', name: 'template_failures_total', help: 'Uses of a template that failed, so that our own text was sent.', labels: ['sink'], read: (v) => bySink(v, (s) => s.templateFailures) },
  { type: 'gauge', name: 'outbox_alerts', help: 'Alerts of which a sink was not told yet.', labels: ['sink'], read: (v) => bySink(v, (s) => s.alerts) },
  { type: 'gauge', name: 'outbox_messages', help: 'Messages on their way to a sink.', labels: ['sink'], read: (v) => bySink(v, (s) => s.messages) },
  { type: 'gauge', name: 'outbox_dead_letters', help: 'Messages that were given up.', labels: ['sink'], read: (v) => bySink(v, (s) => s.dead) },
  { type: 'gauge', name: 'outbox_bytes', help: 'What is remembered of alerts for a sink.', labels: ['sink'], read: (v) => bySink(v, (s) => s.bytes) },
  { type: 'gauge', name: 'cert_not_after', help: 'When a certificate or a list of revoked ones ends, Unix seconds.', labels: ['file'], read: (v) => v.certificates?.map((c) => [{ file: c.file }, c.notAfter]) },
  { type: 'counter', name: 'cert_reloads_total', help: 'Changed certificate files, by what became of them.', labels: ['outcome'], read: (v) => rows('outcome', v.certificateReloads) },
  { type: 'counter', name: 'config_reloads_total', help: 'Reloads of the configuration, by what became of them.', labels: ['outcome'], read: (v) => rows('outcome', v.configReloads) },
  { type: 'gauge', name: 'disk_free_bytes', help: 'Free space where the data folder lies.', read: (v) => v.diskFreeBytes },
  { type: 'gauge', name: 'ingest_paused', help: '1 while no records are read, by reason.', labels: ['reason'], read: (v) => v.paused?.map((reason) => [{ reason }, 1]) },
  { type: 'gauge', name: 'http_connections', help: 'Connections open to this server.', read: (v) => v.httpConnections },
  { type: 'counter', name: 'http_requests_total', help: 'Requests answered, by class of status.', labels: ['status'], read: (v) => rows('status', v.httpRequests) },
  { type: 'counter', name: 'http_refusals_total', help: 'Connections and requests refused before they were one, by reason.', labels: ['reason'], read: (v) => rows('reason', v.httpRefusals) },
  { type: 'counter', name: 'log_lines_dropped_total', help: 'Log lines that nobody took.', read: (v) => v.logLinesDropped },
];

/** At most {@link MAX_SERIES} rows; the rest is summed up in one. Values that are no numbers are left out. */
function bounded(value: number | readonly Row[] | undefined): readonly Row[] {
  if (value === undefined) return [];
  const all = (typeof value === 'number' ? [[{}, value] as const] : value).filter(([, v]) =>
    Number.isFinite(v),
  );
  if (all.length <= MAX_SERIES) return all;
  const labels = Object.fromEntries(Object.keys(all[0]?.[0] ?? {}).map((label) => [label, OTHER]));
  const rest = all.slice(MAX_SERIES).reduce((total, [, v]) => total + v, 0);
  return [...all.slice(0, MAX_SERIES), [labels, rest]];
}

/** Metrics of a registry of their own. While records flow nothing is counted here: values are asked for when somebody scrapes. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const providers: (() => Partial<MetricsView>)[] = [];
  // All of a page shows one moment: the providers are asked once, before its first metric is made.
  let view: Partial<MetricsView> = {};
  let turn: Promise<unknown> = Promise.resolve();

  for (const { type, name, help, labels = [], read } of FAMILIES) {
    const options = { name: `flowsentry_${name}`, help, labelNames: [...labels], registers };
    const metric = type === 'counter' ? new Counter(options) : new Gauge(options);
    Object.assign(metric, {
      collect() {
        metric.reset();
        // A metric without labels starts at 0, which would be a lie while nobody provides it.
        if (labels.length === 0) metric.remove();
        for (const [row, value] of bounded(read(view))) metric.inc(row, value);
      },
    });
  }
  const checkpoint = new Histogram({
    name: 'flowsentry_checkpoint_seconds',
    help: 'How long checkpoints took.',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  });
  const delivery = new Histogram({
    name: 'flowsentry_delivery_lag_seconds',
    help: 'From when records were there for us until we took them.',
    labelNames: ['source'],
    buckets: [0.1, 0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 21_600, 86_400],
    registers,
  });
  const alertDelay = new Histogram({
    name: 'flowsentry_alert_delay_seconds',
    help: 'From when records were there for us until what was found in them was durable.',
    buckets: [0.1, 0.3, 1, 2, 3, 5, 10, 30, 60, 300],
    registers,
  });
  const observe = (seconds: number, to: (value: number) => void) => {
    // Clocks of others may be ahead of ours.
    if (Number.isFinite(seconds)) to(Math.max(0, seconds));
  };
  return {
    provide: (read) => {
      providers.push(read);
    },
    observeCheckpoint: (seconds) => observe(seconds, (value) => checkpoint.observe(value)),
    observeDelivery: (source, seconds) => observe(seconds, (value) => delivery.observe({ source }, value)),
    observeAlertDelay: (seconds) => observe(seconds, (value) => alertDelay.observe(value)),
    text() {
      // One page after the other, or two would show each other's moment. What failed is its own page's error.
      const page = turn.then(() => {
        view = Object.assign({}, ...providers.map((read) => read()));
        return registry.metrics();
      });
      turn = page.catch(() => {});
      return page;
    },
    contentType: registry.contentType,
  };
}
