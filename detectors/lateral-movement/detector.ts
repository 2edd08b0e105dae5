import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { lateralConfig } from './config.ts';
import { createLateralMovement, QUIET_MINUTES } from './judge.ts';

/** A host opens administration ports of others that it never administered. */
export const lateralMovement = defineDetector({
  id: 'lateral-movement',
  summary: 'Sessions between hosts of ours on administration ports, on paths that are new',
  guide: {
    name: 'Spread inside the network',
    meaning:
      'Somebody moves from host to host by ways that administrators use. After a break-in this is the next step.',
    check:
      'who was logged in at that time, and whether a change was planned; the reached hosts are to be looked at too.',
  },
  attack: ['T1021.001', 'T1021.002', 'T1021.004', 'T1021.006'],
  phase: 'access',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'tcp-flags', why: 'without it who started a session is told by ports' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: lateralConfig,
  interest: ({ ports }) => ({ ports }),
  create: createLateralMovement,
});
