import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { longConnectionConfig } from './config.ts';
import { createLongConnection } from './judge.ts';

/** A host keeps a connection for hours with a destination that nobody kept one with before. */
export const longConnection = defineDetector({
  id: 'long-connection',
  summary: 'A connection of hours with a destination outside that nobody kept one with before',
  guide: {
    name: 'Very long connection',
    meaning:
      'A line to the outside stays open for hours. Tunnels and remote control do that; so do streams and VPNs of ours.',
    check: 'which process holds it, and whether somebody knows the other end.',
  },
  attack: ['T1572', 'T1219', 'T1071'],
  phase: 'command-and-control',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it who opened a connection is told by ports' },
      { field: 'pkt-dst-aws-service', why: 'without it connections with AWS services count too' },
    ],
  },
  quietPeriod: 43_200,
  config: longConnectionConfig,
  learns: ({ learnDays }) => learnDays * 86_400,
  windows: () => [{ size: 3600, key: 'subject' }],
  create: createLongConnection,
});
