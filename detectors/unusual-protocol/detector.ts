import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { protocolConfig } from './config.ts';
import { createUnusualProtocol, QUIET_MINUTES } from './judge.ts';

/** A host speaks a protocol with the outside that its role does not, or moves content over ICMP. */
export const unusualProtocol = defineDetector({
  id: 'unusual-protocol',
  summary: 'A protocol that the role has not used towards the outside, or a tunnel over ICMP',
  attack: ['T1095', 'T1572'],
  fields: { required: SESSION_FIELDS, helpful: [] },
  quietPeriod: QUIET_MINUTES * 60,
  config: protocolConfig,
  create: createUnusualProtocol,
});
