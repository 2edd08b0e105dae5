import { defineDetector } from '../define.ts';
import { egressConfig } from './config.ts';
import { createEgress } from './judge.ts';

/** An internal subject reaches a destination or a server port that its role has not used while it was learnt. */
export const unexpectedEgress = defineDetector({
  id: 'unexpected-egress',
  summary: 'A subject reaches a destination or server port that neither it nor its role has used',
  guide: {
    name: 'New destination',
    meaning:
      'This host goes where neither it nor its like have gone before: a new release, or data on its way out.',
    check: 'whether something new was deployed, who owns the destination, and what was sent.',
  },
  attack: ['T1041', 'T1071', 'T1571'],
  phase: 'exfiltration',
  fields: {
    required: ['srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol', 'bytes', 'start', 'end', 'action'],
    helpful: [
      { field: 'tcp-flags', why: 'without it the initiator is guessed and dynamic ports are not judged' },
      { field: 'pkt-dst-aws-service', why: 'without it AWS services count as networks' },
      { field: 'pkt-dstaddr', why: 'without it destinations behind NAT gateways are the gateway' },
    ],
  },
  quietPeriod: 86_400,
  config: egressConfig,
  learns: ({ learnDays }) => learnDays * 86_400,
  create: createEgress,
});
