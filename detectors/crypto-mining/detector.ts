import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { miningConfig } from './config.ts';
import { createCryptoMining, QUIET_MINUTES } from './judge.ts';

/** A host talks to a mining pool. */
export const cryptoMining = defineDetector({
  id: 'crypto-mining',
  summary: 'Sessions with mining pools that a feed lists, or that behave like one',
  guide: {
    name: 'Crypto mining',
    meaning: 'Somebody earns money with our machine: what got the miner in could have got anything in.',
    check:
      'which process talks to the pool and how it came onto the host; rebuild the host rather than clean it.',
  },
  attack: ['T1496.001'],
  phase: 'impact',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it pools behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: miningConfig,
  interest: ({ ports }) => ({ ports, listed: true }),
  create: createCryptoMining,
});
