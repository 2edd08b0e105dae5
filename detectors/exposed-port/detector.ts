import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { exposedPortConfig } from './config.ts';
import { createExposedPort, QUIET_MINUTES } from './judge.ts';

/** A port of ours that answers whoever asks, and is asked by many unknown: open to the internet, and found. */
export const exposedPort = defineDetector({
  id: 'exposed-port',
  summary: 'A port that answers probes of many unknown addresses outside; high where that gives data away',
  guide: {
    name: 'Exposed port',
    meaning:
      'A service answers anybody on the internet, and scanners have found it. What is wrong with it, or with its passwords, will be tried next.',
    check:
      'whether everybody is meant to reach it; if not, close it in the security group, and look at who used it since it was open.',
  },
  attack: ['T1595', 'T1133'],
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it only a probe that is answered with content counts' },
      { field: 'pkt-srcaddr', why: 'without it all clients of a load balancer are one source' },
    ],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: exposedPortConfig,
  interest: () => ({ outside: true }),
  create: createExposedPort,
});
