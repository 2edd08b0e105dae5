import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { dnsConfig } from './config.ts';
import { createDnsBypass, QUIET_MINUTES } from './judge.ts';

/** A host asks name servers outside, past the VPC's resolver. */
export const dnsBypass = defineDetector({
  id: 'dns-bypass',
  summary: 'Name servers outside are asked, plainly, over TLS or HTTPS, or used as a tunnel',
  attack: ['T1071.004', 'T1572', 'T1048'],
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it servers behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: dnsConfig,
  create: createDnsBypass,
});
