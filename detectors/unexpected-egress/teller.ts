import { formatAddress } from '../../src/columns/address.ts';
import { NO_ROW } from '../../src/columns/key-table.ts';
import type { SessionBatch, Step } from '../../src/columns/session-batch.ts';
import { type DetectorContext, type Emit, SEVERITIES } from '../../src/contracts.ts';
import { hashRole } from '../role-hash.ts';
import type { EgressConfig } from './config.ts';
import { type Case, findingOf, severityOf } from './finding.ts';
import type { Knowledge } from './knowledge.ts';
import { THING_WORDS, writePort } from './things.ts';
import { WATCH, type Watch } from './watch.ts';

/** Findings of one step about one thing and role, and of one subject and kind, before the rest is summed up. */
const MAX_PER_ROLE = 3;
const MAX_PER_SUBJECT = 5;
/** An open alert that keeps growing is told again this often at most, unless its count doubled or its severity rose. */
const RETELL_SECONDS = 3600;

/** Decides which of the watched pairs that a step touched are news, teaches them to the roles, and emits findings. */
export function createTeller(
  knowledge: Knowledge,
  watch: Watch,
  config: EgressConfig,
  context: DetectorContext,
): (step: Step, emit: Emit) => void {
  const learnSeconds = config.learnDays * 86_400;
  const role = new Uint32Array(2);
  const port = new Uint32Array(THING_WORDS);

  function caseOf(at: number, sessions: SessionBatch): Case {
    const address = sessions.srcAddr;
    const row = watch.table.columns.best[at]!;
    const name = context.roleOf(address, row * 4);
    hashRole(name, role, 0);
    const subjectRow = knowledge.subjects.find(address, row * 4);
    // It has appeared in this step, or there was no room to note when it did.
    const unknown = knowledge.subjects.size < config.maxSubjects ? sessions.end[row]! : 0;
    const since = knowledge.hostSince(address, row * 4, context.twinOf) ?? unknown;
    // A subnet as a role says little of a machine that has just appeared in it.
    const young = name.includes('/') && sessions.end[row]! - since < learnSeconds;
    return {
      watch,
      row: at,
      knowledge,
      roleRow: knowledge.roles.find(role, 0),
      role: name,
      subjectRow,
      severity: severityOf(watch, at, young, config),
      told: 1,
      others: 0,
    };
  }

  /** Whether a watched destination that is not open yet has become news. */
  function opens(at: number, item: Case): 'news' | 'waiting' | 'no news' {
    const { flags, bytes, born, stamp } = watch.table.columns;
    if ((flags[at]! & WATCH.port) !== 0) return 'news';
    const newPort = (flags[at]! & WATCH.newPort) !== 0;
    const least = (flags[at]! & WATCH.learnt) !== 0 ? config.bulkBytes : config.minBytes;
    if (!newPort && bytes[at]! < least) return 'waiting';
    const self = born[at] === stamp[at] ? 0 : 1;
    const users = knowledge.usersOf(watch.table.keys.keys, watch.keyAt(at) + 4) - self;
    const subjects = Math.max(1, knowledge.subjects.size - 1);
    if (users >= config.prevalentUsers && users / subjects > config.prevalence)
      return newPort ? 'news' : 'no news';
    if (newPort || bytes[at]! >= config.bulkBytes || item.roleRow === NO_ROW) return 'news';
    const { news: today, newsBefore } = knowledge.roles.columns;
    const learnt = Math.max(newsBefore[item.roleRow]!, today[item.roleRow]!);
    return learnt >= config.dailyNews ? 'no news' : 'news';
  }

  /** Opens what has become news, tells it, and tells again what has grown. */
  function tell(step: Step, emit: Emit): void {
    const sessions = step.active;
    const columns = watch.table.columns;
    const opening: Case[] = [];
    for (const at of watch.touched.sort((a, b) => watch.compare(a, b))) {
      const item = caseOf(at, sessions);
      if ((columns.flags[at]! & WATCH.open) !== 0) {
        grow(at, item, step, emit);
        continue;
      }
      const verdict = opens(at, item);
      if (verdict === 'waiting') continue;
      if (verdict === 'news') {
        columns.flags[at] = columns.flags[at]! | WATCH.open;
        opening.push(item);
      } else {
        teach(at, item, step.start);
        watch.table.delete(at);
      }
    }
    announce(opening, step, emit);
    // Learnt only now: within a step nobody's news makes another's old.
    for (const item of opening) teach(item.row, item, step.start);
  }

  function teach(at: number, item: Case, time: number): void {
    hashRole(item.role, role, 0);
    const keys = watch.table.keys.keys;
    const flags = watch.table.columns.flags[at]!;
    knowledge.learn(role, 0, keys, watch.keyAt(at) + 4, (flags & WATCH.port) !== 0, time);
    if ((flags & WATCH.newPort) === 0) return;
    writePort(watch.table.columns.port[at]!, watch.table.columns.protocol[at]!, port, 0);
    knowledge.learn(role, 0, port, 0, true, time);
  }

  function grow(at: number, item: Case, step: Step, emit: Emit): void {
    const { flags, sessions, sentSessions, sentSeverity, sentAt } = watch.table.columns;
    if ((flags[at]! & WATCH.digest) !== 0) return;
    const rose = SEVERITIES.indexOf(item.severity) > sentSeverity[at]!;
    const due = step.end - sentAt[at]! >= RETELL_SECONDS;
    if (rose || due || sessions[at]! >= 2 * sentSessions[at]!) send(item, step, emit);
  }

  function send(item: Case, step: Step, emit: Emit): void {
    const { sessions, sentSessions, sentSeverity, sentAt } = watch.table.columns;
    emit(findingOf(item, step, context, config));
    sentSessions[item.row] = sessions[item.row]!;
    sentSeverity[item.row] = SEVERITIES.indexOf(item.severity);
    sentAt[item.row] = step.end;
  }

  /** Tells openings, but one digest for a subject with many, and the first few subjects of a role for which the same is news. */
  function announce(opening: readonly Case[], step: Step, emit: Emit): void {
    const { flags } = watch.table.columns;
    const kindOf = (item: Case): string =>
      `${formatAddress(watch.table.keys.keys, watch.keyAt(item.row))} ${flags[item.row]! & WATCH.port}`;
    const thingOf = (item: Case): string => {
      const at = watch.keyAt(item.row) + 4;
      return `${item.role} ${watch.table.keys.keys.subarray(at, at + THING_WORDS).join()}`;
    };
    const bySubject = Map.groupBy(opening, kindOf);
    const single: Case[] = [];
    for (const items of bySubject.values()) {
      if (items.length <= MAX_PER_SUBJECT) {
        single.push(...items);
        continue;
      }
      for (const item of items) flags[item.row] = flags[item.row]! | WATCH.digest;
      const worst = items.reduce((a, b) =>
        SEVERITIES.indexOf(b.severity) > SEVERITIES.indexOf(a.severity) ? b : a,
      );
      send({ ...worst, told: items.length }, step, emit);
    }
    for (const items of Map.groupBy(single, thingOf).values()) {
      for (const [index, item] of items.entries()) {
        if (index < MAX_PER_ROLE) send({ ...item, others: items.length - 1 }, step, emit);
        else flags[item.row] = flags[item.row]! | WATCH.digest;
      }
    }
  }

  return tell;
}
