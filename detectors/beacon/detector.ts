import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { beaconConfig } from './config.ts';
import { createBeacon } from './judge.ts';

/** A host calls the same server again and again, in a rhythm that no person has. */
export const beacon = defineDetector({
  id: 'beacon',
  summary: 'Calls to a server outside in the rhythm of a machine, or to several servers in one rhythm',
  guide: {
    name: 'Beacon',
    meaning:
      'Something on this host calls out like clockwork. Malware that waits for orders does that; so do monitors, updaters and licence checks.',
    check: 'which process makes the calls and who owns the server; if both are known, it is no malware.',
  },
  attack: ['T1071', 'T1573', 'T1008', 'T1571'],
  phase: 'command-and-control',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it who calls is told by ports' },
      { field: 'pkt-srcaddr', why: 'without it everything behind a NAT gateway calls as one' },
      {
        field: 'pkt-dst-aws-service',
        why: 'without it calls to AWS services count as calls to the internet',
      },
    ],
  },
  quietPeriod: 86_400,
  config: beaconConfig,
  interest: () => ({ outside: true }),
  create: createBeacon,
});
