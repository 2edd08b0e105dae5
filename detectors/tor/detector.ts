import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { torConfig } from './config.ts';
import { createTor, QUIET_MINUTES } from './judge.ts';

/** A host talks to Tor relays that a feed lists. */
export const tor = defineDetector({
  id: 'tor',
  summary: 'Sessions with Tor relays that a feed lists, as a client or as a relay',
  guide: {
    name: 'Tor',
    meaning:
      'Tor hides who talks with whom: people use it against blocks, malware to call home, and insiders to carry data out.',
    check: 'which process uses it, and whether that is allowed here.',
  },
  attack: ['T1090.003'],
  phase: 'command-and-control',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-dstaddr', why: 'without it relays behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: torConfig,
  interest: () => ({ listed: true }),
  create: createTor,
});
