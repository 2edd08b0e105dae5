import { defineDetector } from '../define.ts';
import { telemetryConfig } from './config.ts';
import { createTelemetryLoss } from './judge.ts';

/** What should be logged is not: interfaces or whole accounts are silent, AWS skipped records, fields are gone. */
export const telemetryLoss = defineDetector({
  id: 'telemetry-loss',
  summary:
    'Interfaces or accounts fall silent, or their records are skipped or lose fields; sources and feeds fail',
  guide: {
    name: 'Flow logs missing',
    meaning:
      'Records that should come do not: a deleted or misconfigured flow log, or somebody who does not want to be seen. What happens there is not watched.',
    check:
      'whether the flow log still exists and delivers (AWS console, VPC, flow logs), and in CloudTrail who changed it.',
  },
  attack: ['T1685.002'],
  fields: {
    required: ['interface-id', 'end'],
    helpful: [
      { field: 'log-status', why: 'without it skipped records are not seen' },
      { field: 'account-id', why: 'without it all interfaces are taken to be of one account' },
      { field: 'srcaddr', why: 'without addresses a deleted interface looks like one whose log was stopped' },
    ],
  },
  subjects: 'names',
  quietPeriod: 7200,
  config: telemetryConfig,
  learns: ({ learnHours }) => learnHours * 3600,
  create: createTelemetryLoss,
});
