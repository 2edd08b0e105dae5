import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { backtest } from '../src/backtest.ts';
import { readBaselines } from '../src/baseline.ts';
import { parseConfig } from '../src/config.ts';
import type { Alert } from '../src/contracts.ts';

const T0 = 1_760_054_400;
const DAY = 86_400;
const EGRESS = 'unexpected-egress';
const config = parseConfig(
  'network: { internal: ["fd00::/16"] }\ndetectors: { unexpected-egress: { learnDays: 1 } }\n',
  'flowsentry.yaml',
);
const V4 = '10.0.1.5 203.0.113.7';
const V6 = 'fd00:1::5 2001:db8::7';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-addresses-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A record of an interface that has both, by its ends. */
const line = (ends: string, time: number, port = 443): string =>
  `2 123456789012 eni-web ${ends} 40000 ${port} 6 20 20000 ${time} ${time + 50} ACCEPT OK`;

async function read(
  data: string,
  name: string,
  lines: readonly string[],
  detector = EGRESS,
): Promise<readonly Alert[]> {
  const path = join(folder, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  const { book } = await replay({
    ...{ paths: [path], data, config, format: undefined, restart: false },
    ...{ onProgress() {}, warn() {} },
  });
  return book.filter((alert) => alert.detector === detector);
}

it('a host’s two addresses have one role, after a restart, in what was learnt and in a backtest', async () => {
  const data = join(folder, 'data');
  const hours = Array.from({ length: 30 }, (_, hour) => T0 + hour * 3600);
  await read(data, 'learnt.log', [...hours.map((time) => line(V4, time)), line(V6, T0 + 60)]);

  const book = await read(data, 'after.log', [line(V6, T0 + 2 * DAY, 853), line(V4, T0 + 2 * DAY + 600)]);

  expect(book).toMatchObject([
    { subject: 'fd00:1::5', severity: 'medium', explanation: { role: '10.0.1.0/24' } },
  ]);
  const warn = (): void => {};
  const [learnt] = (await readBaselines(config, data, warn)).filter(({ detector }) => detector === EGRESS);
  expect(learnt?.learnt).toMatchObject([{ about: 'role 10.0.1.0/24', counts: { subjects: 2 } }]);
  const { tried } = await backtest({
    ...{ data, config, changed: undefined, detectors: [EGRESS], from: undefined, to: undefined },
    ...{ warmUp: undefined, warn, onProgress() {} },
  });
  expect(tried.alerts).toEqual(book);
});

it.each([
  ['IPv6', '2600:1f18:a:100::5', ['2001:db8::7', '2a00:1450::7', '2606:4700::7'], '2404:6800::'],
  ['IPv4', '147.32.84.165', ['203.0.113.7', '198.51.100.7', '192.0.2.7'], '93.184.216.'],
])(
  'a host with a public %s address is judged as ours, though nobody named its network',
  async (name, host, peers, targets) => {
    const known = peers.map((peer) => line(`${host} ${peer}`, T0));
    const scan = Array.from({ length: 40 }, (_, i) =>
      line(`${host} ${targets}${i + 1}`, T0 + 600, 22)
        .replace(' 40000 ', ` ${40_001 + i} `)
        .replace(' 20 20000 ', ' 1 60 ')
        .replace('ACCEPT', 'REJECT'),
    );
    const later = line(`${host} ${peers[0]!}`, T0 + 1200);

    const book = await read(join(folder, name), `${name}.log`, [...known, ...scan, later], 'port-scan');

    expect(book).toMatchObject([{ subject: host, severity: 'high', port: 22 }]);
  },
);
