import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../src/simulate/random.ts';
import { contacts, listed } from '../test/cli/many-alerts.ts';
import { startRun } from '../test/cli/service.ts';
import { createAuthority } from '../test/integration/rigs/certificates.ts';

// From records to a page at PagerDuty's API, one after the other: `npm run bench:pages -- --pages 600`
const { values } = parseArgs({
  options: { pages: { type: 'string', default: '600' }, checkpoint: { type: 'string', default: '20s' } },
});
const pages = Number(values.pages);
if (!(pages > 0)) {
  console.error('usage: npm run bench:pages -- [--pages N] [--checkpoint DURATION]');
  process.exit(2);
}

/** Milliseconds between a page and the next records, at most: they come at any moment between two checkpoints. */
const PAUSE = 1500;
/** Minutes of event time from one round to the next: what was found before is closed. */
const MINUTES = 20;
/** Milliseconds after which a page is missing. */
const PATIENCE = 60_000;
const KEY = '0123456789abcdef0123456789abcdef';

interface Event {
  readonly routing_key: string;
  readonly event_action: string;
  readonly dedup_key: string;
  readonly payload?: { readonly source: string; readonly summary: string; readonly severity: string };
}

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-bench-pages-'));
const authority = createAuthority(join(folder, 'ca'));
const { cert, key } = authority.issue('localhost', { altNames: 'DNS:localhost' });
/** When the page about a host was there, all of it, by its address; what came twice, or was not as documented. */
const paged = new Map<string, number>();
const wrong: string[] = [];
const server = createServer({ cert, key }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const now = performance.now();
    const event = JSON.parse(Buffer.concat(chunks).toString()) as Event;
    const problem = problemOf(event);
    if (problem !== undefined) {
      wrong.push(problem);
      response.writeHead(400).end(JSON.stringify({ status: 'invalid event', message: problem, errors: [] }));
      return;
    }
    if (event.event_action === 'trigger') {
      const source = event.payload?.source ?? '';
      if (paged.has(source)) wrong.push(`${source} came twice`);
      else paged.set(source, now);
    }
    const { dedup_key } = event;
    response
      .writeHead(202, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status: 'success', message: 'Event processed', dedup_key }));
  });
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
writeFileSync(join(folder, 'routing-key'), KEY, { mode: 0o600 });
const pager = `{type: pagerduty, name: on-call, url: "https://localhost:${port}/v2/enqueue", routingKey: {file: routing-key}, rate: 100000, tls: {ca: ${authority.certFile}}}`;
const service = startRun(
  folder,
  '- {type: file, name: collected, paths: [logs], interval: 0.05}',
  `${listed(folder)}sinks: [${pager}]\nroute: {groupWait: 0}\n`,
  {},
  values.checkpoint,
);

try {
  await service.saying('running');
  const random = new Random(1, 'pages');
  const delays: number[] = [];
  for (let host = 1; host <= pages; host++) {
    const source = `10.1.${host >> 8}.${host & 255}`;
    const began = performance.now();
    appendFileSync(join(service.logs, 'a.log'), contacts(host, host + 1, host * MINUTES));
    while (!paged.has(source)) {
      if (performance.now() - began > PATIENCE) throw new Error(`no page about ${source}`);
      await sleep(1);
    }
    delays.push((paged.get(source) ?? 0) - began);
    await sleep(random.int(PAUSE));
  }
  if ((await service.stop()) !== 0) throw new Error(service.stderr());
  if (wrong.length > 0 || paged.size !== pages) throw new Error(`not as it has to be: ${wrong.join('; ')}`);
  delays.sort((a, b) => a - b);
  const at = (share: number): string =>
    ((delays[Math.ceil(delays.length * share) - 1] ?? 0) / 1000).toFixed(2);
  console.log(
    `${delays.length} pages of ${pages}, each once, seconds from its records to the page: median ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, most ${at(1)}; load ${loadavg()[0]?.toFixed(1)}`,
  );
} finally {
  service.child.kill('SIGKILL');
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** What PagerDuty's documentation of the Events API v2 does not allow. */
function problemOf({ routing_key, event_action, dedup_key, payload }: Event): string | undefined {
  if (routing_key !== KEY) return 'routing_key is not valid';
  if (!['trigger', 'acknowledge', 'resolve'].includes(event_action)) return 'no such event_action';
  if (!(dedup_key.length > 0 && dedup_key.length <= 255)) return 'dedup_key has no valid length';
  if (event_action !== 'trigger') return undefined;
  if (payload === undefined) return 'a trigger needs a payload';
  if (payload.source === '') return 'payload.source is empty';
  if (payload.summary === '' || payload.summary.length > 1024) return 'payload.summary has no valid length';
  return ['critical', 'error', 'warning', 'info'].includes(payload.severity)
    ? undefined
    : 'no such payload.severity';
}
