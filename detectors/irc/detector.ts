import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { ircConfig } from './config.ts';
import { createIrc, QUIET_MINUTES } from './judge.ts';

/** A host sits in a channel of an IRC server outside. */
export const irc = defineDetector({
  id: 'irc',
  summary: 'A host keeps a session with an IRC server outside, as bots do that wait for orders',
  guide: {
    name: 'IRC connection',
    meaning: 'Old botnets take their orders in chat rooms, and servers of companies seldom chat.',
    check: 'which process holds the connection, and who owns it.',
  },
  attack: ['T1071', 'T1571'],
  phase: 'command-and-control',
  fields: {
    required: SESSION_FIELDS,
    helpful: [{ field: 'pkt-srcaddr', why: 'without it clients behind a NAT gateway are the gateway' }],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: ircConfig,
  interest: ({ ports }) => ({ ports }),
  create: createIrc,
});
