import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { protocolConfig } from './config.ts';
import { createUnusualProtocol, QUIET_MINUTES, unusualProtocols } from './judge.ts';

/** A host speaks a protocol with the outside that its role does not, or moves content over ICMP. */
export const unusualProtocol = defineDetector({
  id: 'unusual-protocol',
  summary: 'A protocol that the role has not used towards the outside, or a tunnel over ICMP',
  guide: {
    name: 'Unusual protocol',
    meaning:
      'Hosts like this one do not use this protocol outside. Tunnels hide in protocols that nobody looks at.',
    check: 'which process sends it, and whether somebody set up a tunnel or a VPN.',
  },
  attack: ['T1095', 'T1572'],
  phase: 'command-and-control',
  fields: { required: SESSION_FIELDS, helpful: [] },
  quietPeriod: QUIET_MINUTES * 60,
  config: protocolConfig,
  interest: ({ usual }) => ({ protocols: unusualProtocols(usual) }),
  create: createUnusualProtocol,
});
