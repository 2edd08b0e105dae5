import { defineDetector } from '../define.ts';
import { SESSION_FIELDS } from '../sessions.ts';
import { scanConfig } from './config.ts';
import { createPortScan } from './judge.ts';

/** A source tries many ports of one host, or one port of many hosts, and fails. */
export const portScan = defineDetector({
  id: 'port-scan',
  summary: 'A source tries many ports of a host, or a port of many hosts, in vain',
  guide: {
    name: 'Port scan',
    meaning:
      'Somebody looks for services to break into. From the inside it is a host that was taken over, or a scanner that nobody announced.',
    check:
      'who works on the source and whether a scan was planned; then whether any of the tries found an open port.',
  },
  attack: ['T1046', 'T1018', 'T1595.001'],
  phase: 'reconnaissance',
  fields: {
    required: SESSION_FIELDS,
    helpful: [
      { field: 'tcp-flags', why: 'without it unanswered and refused attempts are told by packets and bytes' },
      { field: 'pkt-srcaddr', why: 'without it a scanner behind NAT is the gateway' },
    ],
  },
  quietPeriod: 7200,
  config: scanConfig,
  create: createPortScan,
});
