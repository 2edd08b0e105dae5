import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { dosConfig } from './config.ts';
import { createOutboundDos, QUIET_MINUTES } from './judge.ts';

/** A host of ours floods an address outside. */
export const outboundDos = defineDetector({
  id: 'outbound-dos',
  summary: 'A flood of packets to an address outside that hardly answers',
  guide: {
    name: 'Attack from our network',
    meaning:
      'Our host floods somebody else: it was taken over, or is misused as a reflector. The other side, and AWS, will complain.',
    check: 'what sends the packets; close the way out to this address first.',
  },
  attack: ['T1498.001', 'T1498.002'],
  phase: 'impact',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it targets behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: dosConfig,
  interest: () => ({ outside: true }),
  create: createOutboundDos,
});
