/**
 * Pictures of messages for docs/alerts.md, made of the payloads that the sinks hand over, from alerts of sample-logs/. Usage:
 * node docs/pictures.ts [FOLDER [all]]; needs Chromium with fonts-lato and fonts-noto-color-emoji, as Debian has them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { guideOf } from '../detectors/index.ts';
import type { Alert } from '../src/contracts.ts';
import { bySeverity, countsOf, type Message } from '../src/send/message.ts';
import { openPagerDuty, PagerDutyOptions } from '../src/send/sinks/pagerduty.ts';
import { openSlack, SlackOptions } from '../src/send/sinks/slack.ts';
import { createWording } from '../src/send/words/wording.ts';
import { pagerDutyPage } from './pictures/pagerduty-page.ts';
import { slackPage } from './pictures/slack-page.ts';

const CONSOLE = 'https://flowsentry.example.org';
const root = join(import.meta.dirname, '..');
const out = process.argv[2] ?? join(import.meta.dirname, 'images');
const scratch = mkdtempSync(join(tmpdir(), 'flowsentry-pictures-'));

/** Alerts of all samples. */
const samples = readdirSync(join(root, 'sample-logs'))
  .filter((name) => name.endsWith('.alerts.jsonl'))
  .flatMap((name) => readFileSync(join(root, 'sample-logs', name), 'utf8').split('\n'))
  .filter((line) => line !== '')
  .map((line): Alert => JSON.parse(line));

function sampleOf(detector: string): Alert {
  const found = samples.filter((alert) => alert.detector === detector).sort(bySeverity)[0];
  if (found === undefined) throw new Error(`no sample has an alert of ${detector}`);
  return found;
}

function messageOf(alerts: readonly Alert[], more: Partial<Message> = {}): Message {
  const [first] = alerts;
  const message: Message = {
    ...{
      key: 'k'.repeat(32),
      sink: 'security',
      unit: 'group',
      kind: 'group',
      event: 'firing',
      repeat: false,
    },
    labels: { detector: first?.detector ?? '', subject: first?.subject ?? '' },
    ...{
      firing: alerts.length,
      resolved: 0,
      counts: countsOf(alerts),
      dropped: [],
      at: first?.lastSeen ?? '',
    },
    alerts: alerts.slice(0, 20),
    ...more,
  };
  return { ...message, words: createWording({ guideOf, onFailure() {} })(message) };
}

const secret = join(scratch, 'secret');
writeFileSync(secret, 'r'.repeat(32), { mode: 0o600 });
const common = { name: 'security' };
const slack = await openSlack(
  SlackOptions.parse({ ...common, type: 'slack', channel: 'C0123456789', token: { file: secret } }),
  CONSOLE,
);
const pager = await openPagerDuty(
  PagerDutyOptions.parse({ ...common, type: 'pagerduty', routingKey: { file: secret } }),
  CONSOLE,
);

/** Pixels of a page's width, and how much finer than that pictures are. */
const WIDTH = 780;
const SCALE = 1.25;
/** What is below is cut off. */
const MOST_HIGH = 1100;

function chromium(page: string, ...options: string[]): string {
  return execFileSync(
    'chromium',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--log-level=3'],
      ...[`--user-data-dir=${join(scratch, 'profile')}`, `--force-device-scale-factor=${SCALE}`],
      ...[...options, pathToFileURL(page).href],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
}

function picture(name: string, html: string): void {
  const page = join(scratch, `${name}.html`);
  writeFileSync(page, html);
  // First how high it is, then the picture.
  const height = /data-height="(\d+)"/.exec(chromium(page, `--window-size=${WIDTH},400`, '--dump-dom'))?.[1];
  chromium(
    page,
    `--window-size=${WIDTH},${Math.min(MOST_HIGH, Number(height))}`,
    `--screenshot=${join(out, `${name}.png`)}`,
  );
}

const resolved = (alert: Alert): Alert => ({ ...alert, state: 'resolved' });
const over = { event: 'resolved', firing: 0, resolved: 1 } as const;
const scan = sampleOf('port-scan');
const many = messageOf(samples.toSorted(bySeverity), { kind: 'digest', labels: {} });
const slackOf = (message: Message) => () => slackPage([JSON.parse(slack.preview(message))]);
const pictures: Record<string, () => string> = {
  'slack-alert': slackOf(messageOf([sampleOf('volume-spike')])),
  'slack-resolved': slackOf(messageOf([resolved(sampleOf('volume-spike'))], over)),
  'slack-digest': slackOf(many),
  pagerduty: () =>
    pagerDutyPage(JSON.parse(pager.preview(messageOf([scan], { kind: 'alert', unit: scan.id })))),
};
// Of every detector, for who changes a text: node docs/pictures.ts FOLDER all
if (process.argv[3] === 'all')
  for (const detector of new Set(samples.map((alert) => alert.detector)))
    pictures[detector] = slackOf(messageOf([sampleOf(detector)]));
for (const [name, html] of Object.entries(pictures)) picture(name, html());
await slack.close();
await pager.close();
rmSync(scratch, { recursive: true, force: true });
