import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { asymmetryConfig } from './config.ts';
import { createUploadAsymmetry, QUIET_MINUTES } from './judge.ts';

/** A host of a role that does not upload sends much to the outside and gets next to nothing back. */
export const uploadAsymmetry = defineDetector({
  id: 'upload-asymmetry',
  summary: 'Much data to the outside and next to nothing back, by a role that does not upload',
  guide: {
    name: 'One-sided upload',
    meaning:
      'A host sends far more than it gets, which its role never did. Stolen data leaves like this; so do a first backup and new telemetry.',
    check: 'which process opened the connection, what was sent, and who owns the address.',
  },
  attack: ['T1048.003', 'T1041'],
  phase: 'exfiltration',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'pkt-srcaddr', why: 'without it hosts behind a NAT gateway are the gateway' },
      { field: 'tcp-flags', why: 'without it who opened a session is inferred' },
    ],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: asymmetryConfig,
  interest: () => ({ outside: true }),
  learns: ({ learnDays }) => learnDays * 86_400,
  create: createUploadAsymmetry,
});
