import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { plaintextConfig } from './config.ts';
import { createPlaintext, QUIET_MINUTES } from './judge.ts';

/** A protocol that carries passwords or data in the clear crosses the border of the network. */
export const plaintext = defineDetector({
  id: 'plaintext',
  summary: 'Telnet, FTP, LDAP and others in the clear, to or from addresses outside',
  guide: {
    name: 'Protocol in the clear',
    meaning:
      'A protocol that sends passwords or data unencrypted is used across the internet, where anybody on the way can read and change them.',
    check: 'whether the protocol turns to TLS on this port (STARTTLS), and which application still needs it.',
  },
  attack: ['T1040'],
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'pkt-srcaddr', why: 'without it hosts behind a NAT gateway are the gateway' },
      { field: 'tcp-flags', why: 'without it who opened a session is inferred' },
    ],
  },
  quietPeriod: QUIET_MINUTES * 60,
  config: plaintextConfig,
  interest: ({ services }) => ({ ports: Object.values(services).flat() }),
  create: createPlaintext,
});
