import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { miningConfig } from './config.ts';
import { createCryptoMining, QUIET_MINUTES } from './judge.ts';

/** A host talks to a mining pool. */
export const cryptoMining = defineDetector({
  id: 'crypto-mining',
  summary: 'Sessions with mining pools that a feed lists, or that behave like one',
  attack: ['T1496.001'],
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it pools behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: miningConfig,
  create: createCryptoMining,
});
