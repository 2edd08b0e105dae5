import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { spamConfig } from './config.ts';
import { createSpam, MAIL_PORTS, QUIET_MINUTES } from './judge.ts';

/** A host that has no business with mail sends it, or sends it in bulk. */
export const spam = defineDetector({
  id: 'spam',
  summary: 'Mail sent by a host whose role never did, or in bulk',
  guide: {
    name: 'Mail from a server',
    meaning:
      'A host sends mail that never did, or far too much. Spam from our addresses gets all of them blocked.',
    check: 'which process sends, and whether an application was given this task.',
  },
  attack: ['T1496.002', 'T1071.003'],
  phase: 'impact',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-srcaddr', why: 'without it senders behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: spamConfig,
  interest: () => ({ ports: MAIL_PORTS.flat() }),
  create: createSpam,
});
