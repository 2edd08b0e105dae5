import { NO_ROW } from '../../src/columns/key-table.ts';
import { SCOPE, type SessionBatch, STATE, type Step } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext } from '../../src/contracts.ts';
import { compareRows } from '../evidence.ts';
import { hashRole } from '../role-hash.ts';
import { compileAllow, type EgressConfig } from './config.ts';
import { dayOf, Knowledge } from './knowledge.ts';
import { learntBy } from './learnt.ts';
import { Recent } from './recent.ts';
import { createTeller } from './teller.ts';
import { destinationOf, FIRST_DYNAMIC_PORT, portOf, THING_WORDS, writePort } from './things.ts';
import { WATCH, Watch } from './watch.ts';

/** Watched pairs that were not seen for this long are dropped. */
const WATCH_SECONDS = 86_400;
const HOUR = 3600;
const ICMP = 1;
const TCP = 6;
const ICMP_V6 = 58;

/** A handshake and its end; a packet without payload in IPv6 with options. */
const BARE_PACKETS = 3;
const BARE_BYTES = 84;

/** A thing that says how old a role is. */
const ANY_PORT = new Uint32Array(THING_WORDS);
writePort(0, TCP, ANY_PORT, 0);

/** Bits of a judged row. */
const NEW = { destination: 1, port: 2, learnt: 4 } as const;
const NEW_BITS = 3;

/** The detector at work. Each step is judged against what was known before it; then it is learnt. */
export function createEgress(config: EgressConfig, context: DetectorContext): Detector {
  const knowledge = new Knowledge(config);
  const watch = new Watch(config.maxWatched);
  const recent = new Recent();
  const tell = createTeller(knowledge, watch, config, context);
  const allowed = compileAllow(config.allow, context.names);
  const learnSeconds = config.learnDays * 86_400;
  const common = new Set(config.commonPorts);
  /** Subject, destination, port of the row at hand; the subject's four words first, so that it is a key of `recent`. */
  const key = new Uint32Array(4 + THING_WORDS + 1);
  const thing = new Uint32Array(THING_WORDS);
  const port = new Uint32Array(THING_WORDS);
  const role = new Uint32Array(2);
  let day = 0;
  let steps = 0;
  let roleEpoch = context.roleEpoch;
  let judged: number[] = [];
  let news: number[] = [];

  const isEgress = (scope: number): boolean =>
    scope === SCOPE.public ||
    scope === SCOPE.awsService ||
    (scope === SCOPE.internal && config.internalPeers);

  function judgesPort(sessions: SessionBatch, row: number): boolean {
    const protocol = sessions.protocol[row]!;
    if (!config.ports || protocol === ICMP || protocol === ICMP_V6) return false;
    if (common.has(sessions.dstPort[row]!)) return false;
    if ((sessions.state[row]! & STATE.synSeen) !== 0) return true;
    // Without a SYN the server is a guess: believe it only when its port looks like a server's.
    const dst = sessions.dstPort[row]!;
    return dst < FIRST_DYNAMIC_PORT && (dst < 1024 || dst < sessions.srcPort[row]!);
  }

  function readRole(sessions: SessionBatch, row: number): void {
    const known = knowledge.subjects.find(sessions.srcAddr, row * 4);
    if (known !== NO_ROW) {
      role[0] = knowledge.subjects.columns.role[known * 2]!;
      role[1] = knowledge.subjects.columns.role[known * 2 + 1]!;
    } else {
      hashRole(context.roleOf(sessions.srcAddr, row * 4), role, 0);
    }
  }

  /** Whether the role has learnt long enough for this thing to be news, if it does not know it. */
  const isMature = (roleRow: number, things: Uint32Array, time: number): boolean =>
    time - (knowledge.learnsSince(roleRow, things, 0) ?? time) >= learnSeconds;

  /** Reads only: what the row shows goes to `judged` (to be learnt) and `news`. */
  function judge(sessions: SessionBatch, row: number, egress: boolean, watched: boolean, time: number): void {
    const withPort = judgesPort(sessions, row);
    if (!egress && !withPort) return;
    const at = row * 4;
    key[0] = sessions.srcAddr[at]!;
    key[1] = sessions.srcAddr[at + 1]!;
    key[2] = sessions.srcAddr[at + 2]!;
    key[3] = sessions.srcAddr[at + 3]!;
    key[4] = egress ? thing[0]! : 0;
    key[5] = egress ? thing[1]! : 0;
    key[6] = egress ? thing[2]! : 0;
    key[7] = egress ? thing[3]! : 0;
    if (withPort) portOf(sessions, row, port, 0);
    key[8] = withPort ? port[2]! : 0;
    if (recent.has(key, key.length)) return;
    if (allowed?.(sessions, row, () => context.roleOf(sessions.srcAddr, row * 4)) === true) return;
    readRole(sessions, row);
    const newDestination = egress && !watched && !knowledge.knows(role, 0, thing, 0, day);
    const newPort = withPort && !knowledge.knows(role, 0, port, 0, day);
    const roleRow = newDestination || newPort ? knowledge.roles.find(role, 0) : NO_ROW;
    // Ports and services are known from the role's first day, so they say how old it is.
    const isOld = (newDestination || newPort) && isMature(roleRow, ANY_PORT, time);
    if (isOld) {
      let what = newPort ? NEW.port : 0;
      if (newDestination) what |= NEW.destination | (isMature(roleRow, thing, time) ? 0 : NEW.learnt);
      news.push((row << NEW_BITS) | what);
    } else if (!newDestination && !newPort && !watched) {
      recent.put();
    }
    judged.push(row);
  }

  /** Notes who used what; teaches what is not held back as news. */
  function learn(sessions: SessionBatch, row: number, time: number): void {
    const address = sessions.srcAddr;
    const subjectRow = knowledge.subjectRow(address, row * 4, time);
    if (subjectRow !== NO_ROW && knowledge.subjects.keys.added) {
      hashRole(context.roleOf(address, row * 4), role, 0);
      knowledge.subjects.columns.role[subjectRow * 2] = role[0]!;
      knowledge.subjects.columns.role[subjectRow * 2 + 1] = role[1]!;
    } else {
      readRole(sessions, row);
    }
    const roleRow = knowledge.roleRow(role, 0, time);
    if (isEgress(sessions.dstScope[row]!)) {
      destinationOf(sessions, row, context.names, thing, 0);
      knowledge.use(address, row * 4, subjectRow, thing, 0, day);
      if (!isMature(roleRow, thing, time)) knowledge.learn(role, 0, thing, 0, false, time);
    }
    if (!judgesPort(sessions, row)) return;
    portOf(sessions, row, port, 0);
    if (!isMature(roleRow, ANY_PORT, time)) knowledge.learn(role, 0, port, 0, true, time);
  }

  /** Starts to watch what a row showed for the first time. */
  function watchNews(sessions: SessionBatch, item: number): void {
    const row = item >>> NEW_BITS;
    const withDestination = (item & NEW.destination) !== 0;
    const withPort = (item & NEW.port) !== 0;
    if (withDestination) destinationOf(sessions, row, context.names, thing, 0);
    else portOf(sessions, row, thing, 0);
    const at = watch.add(sessions, row, thing);
    if (at === NO_ROW) return;
    const columns = watch.table.columns;
    if (withPort) {
      const dst = sessions.dstPort[row]!;
      const known = (columns.flags[at]! & (WATCH.newPort | WATCH.port)) !== 0;
      if (!known || dst < columns.port[at]!) {
        columns.port[at] = dst;
        columns.protocol[at] = sessions.protocol[row]!;
      }
    }
    const flags = withDestination ? (withPort ? WATCH.newPort : 0) : WATCH.port;
    const learnt = (item & NEW.learnt) !== 0 ? WATCH.learnt : 0;
    watch.touch(at, sessions, row, flags | learnt, steps);
  }

  /** Subjects are kept with their role: asking anew for each row would cost more than all else. */
  function readRoles(): void {
    roleEpoch = context.roleEpoch;
    recent.clear();
    const { keys, columns } = knowledge.subjects;
    for (let row = 0; row < keys.rows; row++)
      if (keys.has(row)) hashRole(context.roleOf(keys.keys, row * 4), columns.role, row * 2);
  }

  function turn(step: Step): void {
    if (context.roleEpoch !== roleEpoch) readRoles();
    const today = dayOf(step.start);
    if (day !== 0 && today !== day) {
      knowledge.turnDay(today, config.forgetDays);
      recent.clear();
    }
    day = today;
    if (step.start % HOUR === 0 && watch.table.size > 0) watch.expire(step.start - WATCH_SECONDS);
    steps++;
  }

  return {
    step(step, emit) {
      turn(step);
      const sessions = step.active;
      const hourly = step.start % HOUR === 0;
      const watching = watch.table.size > 0;
      judged = [];
      news = [];
      watch.touched = [];
      const touched: number[] = [];
      for (let row = 0; row < sessions.length; row++) {
        const state = sessions.state[row]!;
        if ((state & STATE.established) === 0 || sessions.srcScope[row] !== SCOPE.internal) continue;
        const due = hourly ? !isBare(sessions, row) : begins(sessions, row, state);
        if (!due && !watching) continue;
        const scope = sessions.dstScope[row]!;
        const egress = isEgress(scope);
        if (egress ? false : !due || scope !== SCOPE.internal) continue;
        let watched = false;
        if (egress) {
          destinationOf(sessions, row, context.names, thing, 0);
          const at = watch.find(sessions, row, thing);
          if (at !== NO_ROW) {
            touched.push(at, row);
            watched = true;
          }
        }
        if (!due) continue;
        if (config.ports && watching) {
          portOf(sessions, row, port, 0);
          const at = watch.find(sessions, row, port);
          if (at !== NO_ROW) touched.push(at, row);
        }
        judge(sessions, row, egress, watched, step.start);
      }
      for (let i = 0; i < touched.length; i += 2)
        watch.touch(touched[i]!, sessions, touched[i + 1]!, 0, steps);
      if (judged.length > knowledge.room / 3) judged.sort((a, b) => compareRows(sessions, a, sessions, b));
      if (news.length > watch.room)
        news.sort((a, b) => compareRows(sessions, a >>> NEW_BITS, sessions, b >>> NEW_BITS));
      for (const item of news) watchNews(sessions, item);
      if (watch.touched.length > 0) tell(step, emit);
      for (const row of judged) learn(sessions, row, step.start);
    },
    get overflow() {
      return knowledge.overflow + watch.overflow;
    },
    learnt: (now) => learntBy(knowledge, context.roleOf, (role) => isMature(role, ANY_PORT, now)),
    snapshot() {
      return packSnapshot({ knowledge: knowledge.snapshot(), watch: watch.table.snapshot() }, { day, steps });
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      knowledge.restore(columns.get('knowledge') as Uint8Array);
      watch.table.restore(columns.get('watch') as Uint8Array);
      watch.rebuildFilter();
      // Roles come from the configuration, which may have changed since.
      readRoles();
      ({ day, steps } = meta as { day: number; steps: number });
    },
  };
}

/** TCP without payload: what a refused or half-open attempt looks like when the log has no flags. */
function isBare(sessions: SessionBatch, row: number): boolean {
  const packets = sessions.packetsOut[row]!;
  return (
    packets <= BARE_PACKETS &&
    sessions.protocol[row] === TCP &&
    sessions.bytesOut[row]! <= packets * BARE_BYTES
  );
}

/** Whether this is the step in which the session is first seen to be more than an attempt. */
function begins(sessions: SessionBatch, row: number, state: number): boolean {
  if ((state & STATE.establishedNow) !== 0) return !isBare(sessions, row);
  const before = sessions.packetsOut[row]! - sessions.stepPacketsOut[row]!;
  if (before > BARE_PACKETS || sessions.protocol[row] !== TCP) return false;
  const bytes = sessions.bytesOut[row]! - sessions.stepBytesOut[row]!;
  return bytes <= before * BARE_BYTES && !isBare(sessions, row);
}
