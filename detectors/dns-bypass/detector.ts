import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { dnsConfig } from './config.ts';
import { createDnsBypass, NAME_PORTS, QUIET_MINUTES } from './judge.ts';

/** A host asks name servers outside, past the VPC's resolver. */
export const dnsBypass = defineDetector({
  id: 'dns-bypass',
  summary: 'Name servers outside are asked, plainly, over TLS or HTTPS, or used as a tunnel',
  guide: {
    name: 'DNS past our resolvers',
    meaning:
      'Names are asked where nobody of ours can see or block them: a wrong setting, or a way to carry data out.',
    check: 'the name servers that the host is configured with, and which process asks.',
  },
  attack: ['T1071.004', 'T1572', 'T1048'],
  phase: 'command-and-control',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it servers behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: dnsConfig,
  interest: ({ doh }) => ({ ports: NAME_PORTS, networks: doh }),
  create: createDnsBypass,
});
