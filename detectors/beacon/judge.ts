import { SCOPE, SCOPE_NAMES, type SessionBatch, STATE } from '../../src/columns/session-batch.ts';
import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import type { Detector, DetectorContext, Emit } from '../../src/contracts.ts';
import { findingOf } from '../claim.ts';
import { isNew, PROTOCOL, portTable } from '../sessions.ts';
import { type Beat, beatOf, scoreOf } from './beat.ts';
import { Calls, HOUR } from './calls.ts';
import type { BeaconConfig } from './config.ts';
import { Destinations } from './destinations.ts';
import { beaconClaim, serversClaim } from './finding.ts';
import { Habits } from './habits.ts';
import { FACT, FACTS, KEY_WORDS } from './layout.ts';
import { networkOf, Rhythms } from './rhythms.ts';
import { createVerdict, type Side } from './verdict.ts';

const DAY = 86_400;
/** Days without a call after which a destination is forgotten: then it is as new. */
const FORGET = 30 * DAY;
/** What makes a rhythm steady enough to be compared with others. */
const STEADY = { calls: 20, seconds: HOUR, deviation: 0.1, evenness: 0.8 } as const;
/** Calls that all servers of one rhythm must have had together. */
const SERVERS_CALLS = 100;

/** Calls in one or two days before a pair is followed. Of ours: RITA's least number of connections; of others there are many. */
const GATE_OURS = 4;
const GATE_OTHERS = 12;

/** Whose the caller is, by the scopes of both ends; none where a rhythm says nothing: inside, to AWS's services, on the link. */
const SCOPES = SCOPE_NAMES.length;
const SIDES: (Side | undefined)[] = Array(SCOPES * SCOPES).fill(undefined);
SIDES[SCOPE.internal * SCOPES + SCOPE.public] = 'ours';
SIDES[SCOPE.public * SCOPES + SCOPE.internal] = 'outside';
SIDES[SCOPE.public * SCOPES + SCOPE.public] = 'stranger';

/** The detector at work: who calls whom in what rhythm, judged with the first call of each hour. */
export function createBeacon(config: BeaconConfig, context: DetectorContext): Detector {
  const calls = new Calls(config.maxPairs);
  const destinations = new Destinations(config.maxDestinations);
  const habits = new Habits(config.maxDestinations);
  const callers = new Rhythms(config.maxSubjects);
  const services = new Rhythms(config.maxSubjects);
  const verdictOf = createVerdict(config, context, { destinations, habits, callers, services });
  const quiet = portTable([config.quietPorts]);
  let since = 0;

  function turn(time: number): void {
    if (since === 0) since = time;
    if (time % HOUR === 0) calls.expire(time - DAY);
    if (time % DAY !== 0) return;
    calls.turn();
    callers.expire(time - FORGET);
    services.expire(time - FORGET);
    destinations.expire(time - FORGET);
    habits.expire(time - FORGET);
  }

  function collect(sessions: SessionBatch): void {
    const { length, state, protocol, dstPort, srcScope, dstScope } = sessions;
    for (let row = 0; row < length; row++) {
      const bits = state[row]!;
      if (!isNew(bits)) continue;
      const side = SIDES[srcScope[row]! * SCOPES + dstScope[row]!];
      if (side === undefined || quiet[dstPort[row]!] !== 0) continue;
      // Ours may call in vain: a server that is gone. Of others only what is answered counts, as the internet knocks all day.
      const wanted = side === 'ours' ? STATE.first | STATE.accepted : STATE.establishedNow;
      if ((bits & wanted) !== wanted) continue;
      if (protocol[row] === PROTOCOL.tcp || protocol[row] === PROTOCOL.udp)
        calls.note(sessions, row, side === 'ours' ? GATE_OURS : GATE_OTHERS);
    }
  }

  /** Remembers who called whom this hour. All of the step's pairs before any of them is judged. */
  function remember(at: number, sessions: SessionBatch): void {
    const { keys } = calls.table.keys;
    if (sideOf(sessions, calls.fact(at, 'shown')) !== 'ours') return;
    const last = calls.fact(at, 'last');
    const [pair, first] = [at * KEY_WORDS, calls.fact(at, 'first')];
    destinations.note(keys, pair, pair + 4, first, last);
    habits.note(context.roleOf(keys, pair), keys, pair, first, last);
    callers.place(keys, pair, 0, last);
  }

  /** Remembers a steady rhythm with both ends: of ours who calls, of others what is called. */
  function compare(at: number, beat: Beat, sessions: SessionBatch, emit: Emit): void {
    if (beat.calls < STEADY.calls || beat.span < STEADY.seconds) return;
    if (beat.evenness < STEADY.evenness || beat.deviation > STEADY.deviation * beat.interval) return;
    const { keys } = calls.table.keys;
    const row = calls.fact(at, 'shown');
    const [first, last] = [calls.fact(at, 'first'), calls.fact(at, 'last')];
    const side = sideOf(sessions, row);
    const [caller, called] = [at * KEY_WORDS, at * KEY_WORDS + 4];
    const rhythm = { median: beat.interval, calls: beat.calls, first, last };
    if (side !== 'ours') {
      const service = services.place(keys, called, sessions.dstPort[row]!, last);
      if (service >= 0) services.note(service, { ...rhythm, network: networkOf(keys, caller) });
    }
    if (side === 'outside') return;
    const own = callers.place(keys, caller, 0, last);
    if (own < 0) return;
    callers.note(own, { ...rhythm, network: networkOf(keys, called) });
    if (beat.interval > config.fastInterval) return;
    const alike = callers.like(own, beat.interval, last);
    if (alike.length < config.servers) return;
    if (alike.reduce((sum, { calls: count }) => sum + count, 0) < SERVERS_CALLS) return;
    if (!callers.isNews(own, alike.length, last)) return;
    const claim = serversClaim(alike, config, sessions, row);
    emit(findingOf(claim, sessions, [row], context.names));
  }

  function judge(at: number, sessions: SessionBatch, emit: Emit): void {
    const beat = beatOf(calls, at, config);
    if (beat === undefined) return;
    compare(at, beat, sessions, emit);
    const rita = scoreOf(calls, at, beat);
    if (rita === undefined) return;
    const row = calls.fact(at, 'shown');
    const side = sideOf(sessions, row) ?? 'stranger';
    const [first, last] = [calls.fact(at, 'first'), calls.fact(at, 'last')];
    const pair = {
      words: calls.table.keys.keys,
      caller: at * KEY_WORDS,
      called: at * KEY_WORDS + 4,
      port: sessions.dstPort[row]!,
      side,
    };
    const verdict = verdictOf(pair, beat, rita.score, { first, since, now: last });
    if (verdict === undefined) return;
    // What goes on is told each hour, so that its alert says until when.
    const { facts } = calls.table.columns;
    const base = at * FACTS;
    const all = facts[base + FACT.calls]!;
    const fresh = all - facts[base + FACT.toldCalls]!;
    facts[base + FACT.toldCalls] = all;
    const shown = { beat, rita, verdict, side, first, last: facts[base + FACT.end]!, since, fresh };
    emit(findingOf(beaconClaim(shown, sessions, row), sessions, [row], context.names));
  }

  return {
    step(step, emit) {
      turn(step.start);
      calls.begin();
      collect(step.active);
      calls.learn(step.active);
      const { facts } = calls.table.columns;
      const due = calls.touched.filter(
        (at) => facts[at * FACTS + FACT.judged] !== facts[at * FACTS + FACT.hour],
      );
      due.sort((a, b) => calls.compare(a, b));
      for (const at of due) remember(at, step.active);
      for (const at of due) {
        facts[at * FACTS + FACT.judged] = facts[at * FACTS + FACT.hour]!;
        judge(at, step.active, emit);
      }
    },
    get overflow() {
      return calls.overflow + destinations.overflow + habits.overflow + callers.overflow + services.overflow;
    },
    snapshot() {
      return packSnapshot(
        {
          calls: calls.snapshot(),
          destinations: destinations.snapshot(),
          habits: habits.snapshot(),
          callers: callers.table.snapshot(),
          services: services.table.snapshot(),
        },
        { since },
      );
    },
    restore(state) {
      const { columns, meta } = unpackSnapshot(state);
      calls.restore(columns.get('calls') as Uint8Array);
      destinations.restore(columns.get('destinations') as Uint8Array);
      // Folders of before roles were compared have none.
      const saved = columns.get('habits') as Uint8Array | undefined;
      if (saved !== undefined) habits.restore(saved);
      callers.table.restore(columns.get('callers') as Uint8Array);
      services.table.restore(columns.get('services') as Uint8Array);
      ({ since } = meta as { since: number });
    },
  };
}

function sideOf(sessions: SessionBatch, row: number): Side | undefined {
  return SIDES[sessions.srcScope[row]! * SCOPES + sessions.dstScope[row]!];
}
