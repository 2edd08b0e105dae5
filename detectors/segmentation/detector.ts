import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { segmentationConfig } from './config.ts';
import { createSegmentation } from './judge.ts';

/** A session goes where the segmentation policy says it must not. */
export const segmentation = defineDetector({
  id: 'segmentation',
  summary: 'A session that the segmentation policy denies: let through (a hole) or rejected (an attempt)',
  guide: {
    name: 'Policy violation',
    meaning:
      'Traffic takes a way that the segmentation policy forbids. If it was let through, a security group is more open than it should be.',
    check:
      'which rule lets it through, and whether the application needs this way; mend the one or the policy.',
  },
  attack: ['T1021', 'T1210', 'T1046'],
  phase: 'access',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it who started a session is told by ports' },
      { field: 'pkt-srcaddr', why: 'without it an address behind NAT is the gateway and in its zone' },
      { field: 'interface-id', why: 'zones by interface need it' },
    ],
  },
  quietPeriod: 86_400,
  config: segmentationConfig,
  lacks: ({ policy }) => (policy.size === 0 ? 'no policy' : undefined),
  create: createSegmentation,
});
