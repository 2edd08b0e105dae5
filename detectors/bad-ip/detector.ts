import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { badIpConfig } from './config.ts';
import { createBadIp } from './judge.ts';

/** A session has an address that a feed lists at its other end. */
export const badIp = defineDetector({
  id: 'bad-ip',
  summary: 'A session with an address that a feed lists as bad',
  guide: {
    name: 'Known bad address',
    meaning:
      'Somebody whom others have seen attack talks with us: malware that calls home, or an attacker that got an answer.',
    check:
      'what runs on our end and which process holds the connection; if nobody knows it, cut the host off and keep it for examination.',
  },
  attack: ['T1071', 'T1041', 'T1190', 'T1133'],
  phase: 'command-and-control',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it who started a session is told by ports' },
      {
        field: 'pkt-dstaddr',
        why: 'without it an address behind a NAT gateway or load balancer is the gateway',
      },
    ],
  },
  quietPeriod: 86_400,
  config: badIpConfig,
  interest: () => ({ listed: true }),
  lacks: ({ indicators }) => (indicators.size === 0 ? 'no feeds' : undefined),
  create: createBadIp,
});
