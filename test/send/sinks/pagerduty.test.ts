import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openPagerDuty, PagerDutyOptions } from '../../../src/send/sinks/pagerduty.ts';
import { temporaryFolder } from '../../cli/run.ts';
import { itIsASink, messageOf } from '../../contracts/sink.ts';
import { alertOf } from '../alerts.ts';
import { CA, type Received } from '../receiver.ts';

const KEY = 'canary0123456789canary0123456789';
const file = join(temporaryFolder(), 'key');
writeFileSync(file, KEY, { mode: 0o600 });
const open = (url: string, trusted = true, console?: string) =>
  openPagerDuty(
    PagerDutyOptions.parse({
      type: 'pagerduty',
      name: 'pd',
      url: `${url}/v2/enqueue`,
      routingKey: { file },
      tls: trusted ? { ca: CA } : {},
    }),
    console,
  );

/** What the documentation of the Events API v2 allows. */
function expectValid({ json }: Received): void {
  const { routing_key, event_action, dedup_key, payload } = json;
  expect(routing_key).toHaveLength(32);
  expect(['trigger', 'acknowledge', 'resolve']).toContain(event_action);
  expect(dedup_key.length).toBeGreaterThan(0);
  expect(dedup_key.length).toBeLessThanOrEqual(255);
  if (event_action !== 'trigger') return;
  expect(payload.summary.length).toBeGreaterThan(0);
  expect(payload.summary.length).toBeLessThanOrEqual(1024);
  expect(payload.source.length).toBeGreaterThan(0);
  expect(['critical', 'error', 'warning', 'info']).toContain(payload.severity);
  expect(Number.isNaN(Date.parse(payload.timestamp))).toBe(false);
}

itIsASink('pagerduty', {
  open,
  secrets: [KEY],
  accept: (request, response) => {
    response.writeHead(202).end(JSON.stringify({ status: 'success', dedup_key: request.json.dedup_key }));
  },
  keyOf: ({ json }) => json.dedup_key,
  without: ({ headers, json: { routing_key: _, ...json } }) => ({ headers, json }),
  maxBytes: 512_000,
  expectDead(request) {
    expectValid(request);
    const { summary = '', source = '' } = request.json.payload ?? {};
    expect(`${summary}${source}`).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  },
});

describe('an event', () => {
  it('has the identity of the alert, whatever it says of it', async () => {
    const sink = await open('https://localhost');
    const alert = alertOf(7, { severity: 'critical' });
    const said = (['firing', 'acknowledged', 'resolved'] as const).map((event) =>
      JSON.parse(sink.preview(messageOf([alert], { event }))),
    );
    expect(said.map(({ event_action, dedup_key }) => [event_action, dedup_key])).toEqual([
      ['trigger', alert.id],
      ['acknowledge', alert.id],
      ['resolve', alert.id],
    ]);
    await sink.close();
  });

  it.each([
    ['critical', 'critical'],
    ['high', 'error'],
    ['medium', 'warning'],
    ['low', 'info'],
    ['info', 'info'],
  ] as const)('of severity %s is %s there', async (severity, theirs) => {
    const sink = await open('https://localhost');
    expect(JSON.parse(sink.preview(messageOf([alertOf(1, { severity })]))).payload.severity).toBe(theirs);
    await sink.close();
  });

  it('leads to the console where there is one', async () => {
    const sink = await open('https://localhost', true, 'https://flows.example.org/');
    expect(JSON.parse(sink.preview(messageOf([alertOf(1)]))).links).toEqual([
      { href: `https://flows.example.org/alerts/${alertOf(1).id}`, text: 'the alert in flowsentry' },
    ]);
    await sink.close();
  });

  it('of a digest says exactly what it stands for, and is one incident', async () => {
    const sink = await open('https://localhost');
    const message = messageOf([alertOf(1), alertOf(2)], {
      kind: 'digest',
      unit: 'digest-1',
      counts: [
        { detector: 'port-scan', severity: 'high', alerts: 1200 },
        { detector: 'bad-ip', severity: 'low', alerts: 3 },
      ],
    });
    expect(JSON.parse(sink.preview(message))).toMatchObject({
      dedup_key: 'flowsentry/s/digest-1',
      payload: {
        summary: 'High · digest of 1,203 alerts',
        custom_details: { alerts: '1,200 high: 1,200 port-scan\n3 low: 3 bad-ip' },
      },
    });
    await sink.close();
  });
});
