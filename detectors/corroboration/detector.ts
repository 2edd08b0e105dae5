import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { corroborationConfig } from './config.ts';
import { createCorroboration } from './judge.ts';

/** Detectors that look at different things agree on one host. */
export const corroboration = defineDetector({
  id: 'corroboration',
  summary: 'Independent detectors agree on one host: stages of an intrusion within a day',
  guide: {
    name: 'Several signs of an intrusion',
    meaning:
      'Detectors that look at different things agree on one host within a day. One of them may be wrong; several seldom are.',
    check:
      'its other alerts in the order of their times, and whether one planned change explains all of them.',
  },
  attack: ['T1046', 'T1110', 'T1021', 'T1071', 'T1041'],
  fields: { required: SESSION_FIELDS, helpful: [] },
  quietPeriod: 86_400,
  config: corroborationConfig,
  create: createCorroboration,
});
