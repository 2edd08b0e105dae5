import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { slowConfig } from './config.ts';
import { createSlowExfiltration } from './judge.ts';

/** A host uploads somewhat more than it used to, day after day. */
export const slowExfiltration = defineDetector({
  id: 'slow-exfiltration',
  summary: 'A host uploads more than it used to, day after day, in portions that are no spike',
  guide: {
    name: 'Slow upload over days',
    meaning:
      'A host sends more to the outside every day than it used to. Data is stolen slowly so as not to be seen; new replication looks alike.',
    check: 'where the data goes, what sends it, and whether something was set up on the first of these days.',
  },
  attack: ['T1030', 'T1029', 'T1020'],
  phase: 'exfiltration',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'pkt-srcaddr', why: 'without it hosts behind a NAT gateway are the gateway' },
      { field: 'tcp-flags', why: 'without it who opened a session is inferred' },
    ],
  },
  quietPeriod: 2 * 86_400,
  config: slowConfig,
  learns: ({ periodHours, learnPeriods }) => periodHours * learnPeriods * 3600,
  windows: () => [{ size: 3600, key: 'subject' }],
  create: createSlowExfiltration,
});
