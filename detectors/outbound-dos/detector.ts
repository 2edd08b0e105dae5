import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { dosConfig } from './config.ts';
import { createOutboundDos, QUIET_MINUTES } from './judge.ts';

/** A host of ours floods an address outside. */
export const outboundDos = defineDetector({
  id: 'outbound-dos',
  summary: 'A flood of packets to an address outside that hardly answers',
  attack: ['T1498.001', 'T1498.002'],
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it targets behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: dosConfig,
  create: createOutboundDos,
});
