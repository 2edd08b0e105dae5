import { defineDetector } from '../define.ts';
import { volumeConfig } from './config.ts';
import { createVolumeSpike } from './judge.ts';

/** A subject, or a subject and a peer, moves far more or less than it usually does. */
export const volumeSpike = defineDetector({
  id: 'volume-spike',
  summary: 'A subject, alone or with one peer, moves far more or less data than it usually does',
  guide: {
    name: 'Unusual amount of data',
    meaning:
      'Far more, or far less, moves than ever. A copy of a database on its way out looks so; so does a backup, or a service that stopped.',
    check: 'what was transferred and who asked for it: backups, releases and migrations first.',
  },
  attack: ['T1048', 'T1567', 'T1498'],
  phase: 'exfiltration',
  fields: {
    required: ['srcaddr', 'dstaddr', 'packets', 'bytes', 'start', 'end', 'action'],
    helpful: [
      { field: 'pkt-srcaddr', why: 'without it everything behind NAT is one subject' },
      {
        field: 'pkt-dst-aws-service',
        why: 'without it bulk to AWS services counts as bulk to public addresses',
      },
    ],
  },
  quietPeriod: 21_600,
  config: volumeConfig,
  learns: ({ learnDays }) => learnDays * 86_400,
  windows: (config) => [
    { size: 300, key: 'subject' },
    { size: 3600, key: 'subject' },
    ...(config.pairs ? ([300, 3600] as const).map((size) => ({ size, key: 'pair' as const })) : []),
  ],
  create: createVolumeSpike,
});
