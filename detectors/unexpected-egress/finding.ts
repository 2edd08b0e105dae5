import { formatAddress, formatPrefix } from '../../src/columns/address.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import type { Step } from '../../src/columns/session-batch.ts';
import type { DetectorContext, Explanation, Finding, Severity } from '../../src/contracts.ts';
import {
  bytesText,
  durationText,
  evidenceQuery,
  flowSample,
  portText,
  protocolText,
  rounded,
  utc,
} from '../evidence.ts';
import type { EgressConfig } from './config.ts';
import type { Knowledge } from './knowledge.ts';
import { destinationText, FIRST_DYNAMIC_PORT, isService, networkOf } from './things.ts';
import { WATCH, type Watch } from './watch.ts';

/** What stands behind a finding: a row of the watch, and where to look things up. */
export interface Case {
  readonly watch: Watch;
  readonly row: number;
  readonly knowledge: Knowledge;
  readonly roleRow: number;
  readonly role: string;
  readonly subjectRow: number;
  readonly severity: Severity;
  /** Pairs told by this one finding: 1, or all of a digest. */
  readonly told: number;
  /** Other subjects of the role for which the same was news in this step and that are not told apart. */
  readonly others: number;
}

const SCORES: Readonly<Record<Severity, number>> = {
  info: 0.1,
  low: 0.3,
  medium: 0.6,
  high: 0.8,
  critical: 0.9,
};

/** Severity of a watched pair by what is known of it so far. */
export function severityOf(watch: Watch, row: number, young: boolean, config: EgressConfig): Severity {
  const { flags, bytes } = watch.table.columns;
  const isPort = (flags[row]! & WATCH.port) !== 0;
  const newPort = (flags[row]! & WATCH.newPort) !== 0;
  const bulk = bytes[row]! >= config.bulkBytes;
  if (isPort) return young ? 'low' : 'medium';
  if (newPort && bulk) return 'high';
  return bulk || (newPort && !young) ? 'medium' : 'low';
}

/** The finding of a case; `step` must hold the row that touched it last. */
export function findingOf(item: Case, step: Step, context: DetectorContext, config: EgressConfig): Finding {
  const { watch, row } = item;
  const columns = watch.table.columns;
  const keys = watch.table.keys.keys;
  const at = watch.keyAt(row);
  const flags = columns.flags[row]!;
  const sessions = step.active;
  const best = columns.best[row]!;
  const subject = formatAddress(keys, at);
  const isPort = (flags & WATCH.port) !== 0;
  const newPort = (flags & WATCH.newPort) !== 0;
  const digest = item.told > 1;
  const port = columns.port[row]!;
  const protocol = columns.protocol[row]!;
  const dynamic = (isPort || newPort) && port >= FIRST_DYNAMIC_PORT;
  const portName = dynamic ? `dynamic/${protocolText(protocol)}` : portText(port, protocol);
  const destination = isPort ? '' : destinationText(keys, at + 4, sessions, best, context.names);
  const peer = (flags & WATCH.manyPeers) === 0 && !digest ? formatAddress(columns.peer, row * 4) : undefined;
  const named = !digest && (isPort || newPort);
  const span = { from: columns.first[row]!, to: columns.last[row]! };
  const service = !isPort && isService(keys, at + 4);
  const network = isPort || service ? undefined : formatPrefix(networkOf(keys, at + 4));
  return {
    severity: item.severity,
    title: titleOf(item, subject, destination, portName, bytesText(columns.bytes[row]!)),
    subject,
    ...(peer === undefined ? {} : { peer }),
    ...(named ? { port, protocol } : {}),
    interfaceId: sessions.interfaceId[best]!,
    accountId: sessions.accountId[best]!,
    counterpart: counterpartOf(item, destination, portName),
    firstSeen: span.from,
    lastSeen: span.to,
    count: Math.max(1, columns.sessions[row]! - columns.sentSessions[row]!),
    score: scoreOf(item, columns.bytes[row]!, config),
    explanation: explain(item, destination, portName, config),
    samples: [flowSample(sessions, best, context.names)],
    query: evidenceQuery({
      subject,
      ...(digest || isPort || peer === undefined ? {} : { peer }),
      ...(digest || isPort || peer !== undefined || network === undefined ? {} : { peerNetwork: network }),
      ...(named && !dynamic ? { port } : {}),
      ...(named ? { protocol } : {}),
      ...span,
    }),
    exception: {
      subject,
      ...(digest ? { rule: counterpartOf(item, destination, portName) } : {}),
      ...(!digest && network !== undefined ? { peer: network } : {}),
      ...(!digest && service ? { rule: counterpartOf(item, destination, portName) } : {}),
      ...(named && !dynamic ? { port, protocol } : {}),
      ...(named && dynamic ? { rule: counterpartOf(item, destination, portName) } : {}),
    },
  };
}

/** What makes the alert this alert. Digests are one a subject and kind. */
export function counterpartOf(item: Case, destination: string, portName: string): string {
  const flags = item.watch.table.columns.flags[item.row]!;
  if (item.told > 1) return (flags & WATCH.port) !== 0 ? 'many new ports' : 'many new destinations';
  if ((flags & WATCH.port) !== 0) return `port ${portName}`;
  return (flags & WATCH.newPort) !== 0 ? `${destination} port ${portName}` : destination;
}

function titleOf(item: Case, subject: string, destination: string, portName: string, sent: string): string {
  const flags = item.watch.table.columns.flags[item.row]!;
  const { role, told } = item;
  if ((flags & WATCH.port) !== 0) {
    return told > 1
      ? `${subject} opened sessions on ${told} server ports that role ${role} has not used, ${portName} among them`
      : `${subject} opened a session on ${portName}, a server port that role ${role} has not used`;
  }
  if (told > 1)
    return `${subject} sent data to ${told} destinations new to role ${role}, ${destination} among them`;
  const port = (flags & WATCH.newPort) !== 0 ? ` on ${portName}, also new` : '';
  return `${subject} sent ${sent} to ${destination}${port}, a destination that role ${role} has not used`;
}

function scoreOf(item: Case, bytes: number, config: EgressConfig): number {
  const base = SCORES[item.severity];
  const orders = Math.log10(Math.max(1, bytes / Math.max(1, config.minBytes)));
  return rounded(Math.min(1, base + 0.05 * Math.min(4, orders)));
}

function explain(item: Case, destination: string, portName: string, config: EgressConfig): Explanation {
  const { watch, row, knowledge, roleRow, subjectRow } = item;
  const columns = watch.table.columns;
  const flags = columns.flags[row]!;
  const isPort = (flags & WATCH.port) !== 0;
  const roles = knowledge.roles.columns;
  const known = roleRow === NO_ROW ? 0 : isPort ? roles.ports[roleRow]! : roles.destinations[roleRow]!;
  const since =
    knowledge.learnsSince(roleRow, watch.table.keys.keys, watch.keyAt(row) + 4) ?? columns.first[row]!;
  const watched = durationText(columns.last[row]! - since);
  const users = isPort ? 0 : knowledge.usersOf(watch.table.keys.keys, watch.keyAt(row) + 4);
  const sent = bytesText(columns.bytes[row]!);
  const sessions = columns.sessions[row]!;
  return {
    observed: `${isPort ? portName : destination}: ${sent} out in ${sessions} session${sessions === 1 ? '' : 's'}`,
    baseline: `${known} ${isPort ? 'server port' : 'destination'}${known === 1 ? '' : 's'} used by role ${item.role} in ${watched}`,
    threshold: isPort
      ? 'first established session on the port'
      : `${bytesText(config.minBytes)} out to a new destination`,
    formula: isPort
      ? `established and port not in known(role) and role watched >= ${config.learnDays} d`
      : `established and destination not in known(role) and role watched >= ${config.learnDays} d and (bytes out >= ${config.minBytes} or port new) and users / subjects <= ${config.prevalence}`,
    role: item.role,
    roleSince: utc(since),
    destinationsOfSubject: knowledge.destinationsOf(subjectRow),
    subjects: knowledge.subjects.size,
    ...(isPort ? {} : { otherUsers: users }),
    ...((flags & WATCH.newPort) !== 0 ? { newPort: portName } : {}),
    ...(item.told > 1 ? { told: item.told } : {}),
    ...(item.others > 0 ? { othersOfRole: item.others } : {}),
  };
}
