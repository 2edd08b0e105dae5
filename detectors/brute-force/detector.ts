import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { bruteForceConfig } from './config.ts';
import { createBruteForce, QUIET_MINUTES } from './judge.ts';

/** A source opens one short session after the other with a service that asks for passwords. */
export const bruteForce = defineDetector({
  id: 'brute-force',
  summary: 'Short sessions in quick succession with a service that asks for passwords',
  guide: {
    name: 'Password guessing',
    meaning:
      'Somebody tries passwords. What matters is whether a try worked: a longer or larger session after many short ones is a bad sign.',
    check:
      'the log of the service for a successful login from this source; close the port to it, or allow keys only.',
  },
  attack: ['T1110', 'T1110.001'],
  phase: 'access',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it who started a session is told by ports' },
      { field: 'pkt-srcaddr', why: 'without it sources behind NAT are the gateway' },
    ],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: bruteForceConfig,
  interest: ({ ports }) => ({ ports: Object.values(ports).flat() }),
  create: createBruteForce,
});
