import { formatAddress } from '../../src/columns/address.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding, Severity } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { type Claim, findingOf, inOrder, scoreOf } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { bytesText, durationText } from '../evidence.ts';
import { Known } from '../known.ts';
import { hashRole, ROLE_WORDS } from '../role-hash.ts';
import { beginsConversation, isOutside, PROTOCOL, portTable, putAddress } from '../sessions.ts';
import type { SpamConfig } from './config.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const DAY = 86_400;
const MINUTES = 10;
/** Between servers, and from a client to its provider: the latter is no news by itself. */
const KIND = { smtp: 1, submission: 2 } as const;
/** Ports of SMTP, and of submission. */
export const MAIL_PORTS = [[25], [465, 587]] as const;
const PORTS = portTable(MAIL_PORTS);

/** The detector at work: servers by sender, and which roles send mail at all. */
export function createSpam(config: SpamConfig, context: DetectorContext): Detector {
  const learnSeconds = config.learnDays * DAY;
  const mailers = new Known(ROLE_WORDS, config.maxRoles, config.forgetDays * DAY);
  const senders = new Cases({
    words: 5,
    limit: config.maxSubjects,
    minutes: MINUTES,
    sums: 1,
    keep: 60,
    keepTold: QUIET_MINUTES,
    key(sessions, row, key) {
      putAddress(sessions.srcAddr, row, key, 0);
      key[4] = PORTS[sessions.dstPort[row]!]!;
    },
  });
  const role = new Uint32Array(ROLE_WORDS);

  function collect(sessions: SessionBatch): number[] {
    const rows: number[] = [];
    const { length, dstPort, protocol, dstScope } = sessions;
    for (let row = 0; row < length; row++) {
      if (PORTS[dstPort[row]!] === 0 || protocol[row] !== PROTOCOL.tcp) continue;
      if (isOutside(dstScope[row]!) && beginsConversation(sessions, row)) rows.push(row);
    }
    return rows;
  }

  const roleOf = (sessions: SessionBatch, row: number): string => context.roleOf(sessions.srcAddr, row * 4);

  function claimOf(
    at: number,
    sessions: SessionBatch,
    rows: readonly number[],
    now: number,
  ): Claim | undefined {
    const row = rows[0]!;
    const kind = PORTS[sessions.dstPort[row]!]!;
    const name = roleOf(sessions, row);
    hashRole(name, role, 0);
    const since = mailers.since(role);
    if (since !== undefined && now - since >= learnSeconds) return undefined;
    const servers = senders.distinct.count(at, senders.tick);
    const bulk = servers >= config.servers;
    const learnt = now - senders.since >= learnSeconds;
    const fresh = kind === KIND.smtp && !(since === undefined && mailers.isFull);
    if (!bulk && !fresh) return undefined;
    const severity: Severity = bulk || learnt ? 'medium' : 'low';
    if (!senders.isNews(at, servers, severity)) return undefined;
    const subject = formatAddress(sessions.srcAddr, row * 4);
    const peers = new Set(rows.map((other) => formatAddress(sessions.dstAddr, other * 4)));
    const peer = servers === 1 && peers.size === 1 ? [...peers][0]! : undefined;
    const port = sessions.dstPort[row]!;
    const { first, last } = senders.table.columns;
    const watched = durationText(now - senders.since);
    return {
      severity,
      title: bulk
        ? `${subject} sends mail to ${servers} servers within ${MINUTES} min`
        : `${subject} sends mail, which role ${name} did not do before`,
      subject,
      ...(peer === undefined ? {} : { peer }),
      port,
      protocol: PROTOCOL.tcp,
      counterpart: kind === KIND.smtp ? 'smtp' : 'submission',
      firstSeen: first[at]!,
      lastSeen: last[at]!,
      count: senders.tell(at, servers, severity),
      score: scoreOf(severity, servers, config.servers),
      explanation: {
        observed: `${senders.sum(at, 0)} sessions with ${servers} mail server${servers === 1 ? '' : 's'} in ${MINUTES} min, ${bytesText(rows.reduce((sum, other) => sum + sessions.bytesOut[other]!, 0))} sent in the last one`,
        baseline: `no mail by role ${name} in ${watched} but the last ${durationText(since === undefined ? 0 : now - since)}`,
        threshold: bulk ? `${config.servers} servers in ${MINUTES} min` : '1 session on port 25',
        formula:
          'distinct servers >= threshold, or the first session on port 25 of a role that is known not to send',
        role: name,
      },
      exception: { subject, port },
    };
  }

  return detectorOf({ senders, mailers }, (step, emit) => {
    senders.begin(step);
    mailers.forget(step.start);
    const { active } = step;
    const rows = collect(active);
    if (rows.length === 0) return;
    const found: Finding[] = [];
    for (const { at, rows: group } of senders.group(active, rows)) {
      for (const row of group) {
        senders.add(at, 0, 1);
        senders.distinct.add(at, hashWords(active.dstAddr, row * 4, 4), senders.tick);
      }
      const claim = claimOf(at, active, group, step.end);
      if (claim !== undefined) found.push(findingOf(claim, active, group, context.names));
    }
    const smtp = rows.filter((row) => active.dstPort[row] === 25);
    mailers.learn(smtp.length, (item, key) => hashRole(roleOf(active, smtp[item]!), key, 0), step.end);
    for (const finding of inOrder(found)) emit(finding);
  });
}
