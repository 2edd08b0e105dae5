import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alert } from '../../src/contracts.ts';

const samples = join(import.meta.dirname, '../../sample-logs');

/** Every alert of the sample logs, from their goldens. */
export function goldenAlerts(): Alert[] {
  return readdirSync(samples)
    .filter((file) => file.endsWith('.alerts.jsonl'))
    .flatMap((file) => readFileSync(join(samples, file), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Alert);
}

/** An alert of a scan, unless told otherwise. `n` makes it another one. */
export function alertOf(n: number, more: Partial<Alert> = {}): Alert {
  return {
    id: n.toString(16).padStart(32, '0'),
    detector: 'port-scan',
    severity: 'high',
    state: 'firing',
    title: `10.0.1.${n % 256} tried 60 ports of 10.0.2.9 in vain`,
    subject: `10.0.1.${n % 256}`,
    peer: '10.0.2.9',
    protocol: 6,
    interface: 'eni-0a1b2c3d',
    account: '123456789012',
    firstSeen: '2026-01-05T00:00:00.000Z',
    lastSeen: '2026-01-05T00:10:00.000Z',
    count: 60,
    score: 0.8,
    attack: ['T1046'],
    explanation: {
      observed: 60,
      baseline: 0,
      threshold: 12,
      formula: 'ports >= threshold',
      rule: 'no-scans',
    },
    samples: [
      {
        'interface-id': 'eni-0a1b2c3d',
        srcaddr: `10.0.1.${n % 256}`,
        dstaddr: '10.0.2.9',
        srcport: 40_000,
        dstport: 1000,
        protocol: 6,
        packets: 1,
        bytes: 44,
        start: 1_767_571_200,
        end: 1_767_571_250,
        action: 'REJECT',
      },
    ],
    query: 'SELECT 1',
    exception: 'exceptions:\n  - detector: port-scan\n',
    ...more,
  };
}
