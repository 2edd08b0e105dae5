import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { slowScanConfig } from './config.ts';
import { createSlowScan, QUIET_MINUTES } from './judge.ts';

/** A host of ours whose first contacts with others mostly fail, however slowly it makes them. */
export const slowScan = defineDetector({
  id: 'slow-scan',
  summary: 'A host whose first contacts with others mostly fail, however slowly it tries them',
  guide: {
    name: 'Slow scan',
    meaning:
      'A host tries others it never spoke to, and most do not answer. An intruder looks around like this, slowly, so as not to be seen.',
    check:
      'which process tries them, and whether a list of hosts is out of date: monitoring, discovery, a cluster that shrank.',
  },
  attack: ['T1046', 'T1018'],
  phase: 'reconnaissance',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it a refused attempt is told from an answer by its size' },
      { field: 'pkt-srcaddr', why: 'without it hosts behind a NAT gateway are the gateway' },
    ],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: slowScanConfig,
  create: createSlowScan,
});
