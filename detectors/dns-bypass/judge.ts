import { isIpv4, parsePrefix } from '../../src/columns/address.ts';
import { hashWords } from '../../src/columns/key-table.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from '../../src/columns/prefix-trie.ts';
import type { SessionBatch } from '../../src/columns/session-batch.ts';
import type { Detector, DetectorContext, Finding } from '../../src/contracts.ts';
import { Cases } from '../cases.ts';
import { findingOf, inOrder } from '../claim.ts';
import { detectorOf } from '../detector-of.ts';
import { beginsConversation, isOutside, PROTOCOL, portTable, putAddress, putPair } from '../sessions.ts';
import type { DnsConfig } from './config.ts';
import { bypassClaim, KIND, SUM, tunnelClaim } from './finding.ts';

/** Minutes of event time without news after which an alert resolves. */
export const QUIET_MINUTES = 1440;
const HOUR = 60;
/** Of name servers that are asked plainly, and over TLS. */
export const NAME_PORTS = [53, 853] as const;
const PORTS = portTable([...NAME_PORTS.map((port) => [port]), [443]]);

/** The detector at work: servers asked by host and way of asking, hosts by server, questions by pair. */
export function createDnsBypass(config: DnsConfig, context: DetectorContext): Detector {
  const allowed = trieOf(config.resolvers);
  const doh = trieOf(config.doh);
  const mayBeDoh = firstBits(config.doh);
  const subjects = new Cases({
    words: 5,
    limit: config.maxSubjects,
    minutes: HOUR,
    bucketMinutes: 5,
    sums: 1,
    keepTold: QUIET_MINUTES,
    key(sessions, row, key) {
      putAddress(sessions.srcAddr, row, key, 0);
      key[4] = PORTS[sessions.dstPort[row]!]!;
    },
  });
  const servers = new Cases({
    words: 4,
    limit: config.maxSubjects,
    minutes: 24 * HOUR,
    bucketMinutes: 2 * HOUR,
    sums: 1,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putAddress(sessions.dstAddr, row, key, 0),
  });
  const pairs = new Cases({
    words: 9,
    limit: config.maxPairs,
    minutes: HOUR,
    bucketMinutes: 5,
    sums: 3,
    keepTold: QUIET_MINUTES,
    key: (sessions, row, key) => putPair(sessions, row, 0, key),
  });

  const asked: number[] = [];
  const questions: number[] = [];

  function collect(sessions: SessionBatch): void {
    asked.length = 0;
    questions.length = 0;
    const { length, dstPort, dstScope, dstAddr, protocol } = sessions;
    for (let row = 0; row < length; row++) {
      const kind = PORTS[dstPort[row]!]!;
      if (kind === 0) continue;
      // Most sessions of a network go to port 443: one load more says that almost none of them is for a resolver.
      if (kind === KIND.doh && mayBeDoh[highBits(dstAddr, row * 4)] === 0) continue;
      if (!isOutside(dstScope[row]!)) continue;
      if (protocol[row] !== PROTOCOL.udp && protocol[row] !== PROTOCOL.tcp) continue;
      if (kind === KIND.dns && sessions.stepPacketsOut[row]! > 0) questions.push(row);
      // Packets of a flood are established too, and answered by nobody.
      if (!beginsConversation(sessions, row)) continue;
      if (kind === KIND.doh && doh.match(dstAddr, row * 4) === NO_MATCH) continue;
      if (allowed.match(dstAddr, row * 4) === NO_MATCH) asked.push(row);
    }
  }

  function judgeBypass(sessions: SessionBatch, found: Finding[]): void {
    for (const { at, rows } of servers.group(sessions, asked))
      for (const row of rows) servers.distinct.add(at, hashWords(sessions.srcAddr, row * 4, 4), servers.tick);
    for (const { at, rows } of subjects.group(sessions, asked)) {
      for (const row of rows) {
        subjects.add(at, 0, 1);
        subjects.distinct.add(at, hashWords(sessions.dstAddr, row * 4, 4), subjects.tick);
      }
      const unusual = rows.filter((row) => {
        const server = servers.find(sessions, row);
        return server < 0 || servers.distinct.count(server, servers.tick) <= config.prevalentUsers;
      });
      const count = subjects.distinct.count(at, subjects.tick);
      if (unusual.length === 0 || !subjects.isNews(at, count, 'low')) continue;
      const claim = bypassClaim(subjects, at, sessions, unusual, subjects.tell(at, count, 'low'));
      found.push(findingOf(claim, sessions, unusual, context.names));
    }
  }

  function judgeTunnels(sessions: SessionBatch, found: Finding[]): void {
    for (const { at, rows } of pairs.group(sessions, questions)) {
      for (const row of rows) {
        pairs.add(at, SUM.bytes, sessions.stepBytesOut[row]!);
        pairs.add(at, SUM.packets, sessions.stepPacketsOut[row]!);
        pairs.add(at, SUM.received, sessions.stepBytesIn[row]!);
      }
      const bytes = pairs.sum(at, SUM.bytes);
      const packets = pairs.sum(at, SUM.packets);
      // A server that answers nothing carries nothing: that is a flood.
      if (pairs.sum(at, SUM.received) === 0) continue;
      const long = packets >= config.tunnelQueries && bytes >= config.tunnelBytes * packets;
      if (!long && bytes < config.tunnelVolume) continue;
      const extent = pairs.total(at, SUM.bytes);
      if (!pairs.isNews(at, extent, 'medium')) continue;
      const claim = tunnelClaim(pairs, at, sessions, rows, pairs.tell(at, extent, 'medium'), config);
      found.push(findingOf(claim, sessions, rows, context.names));
    }
  }

  return detectorOf({ subjects, servers, pairs }, (step, emit) => {
    for (const cases of [subjects, servers, pairs]) cases.begin(step);
    collect(step.active);
    const found: Finding[] = [];
    judgeBypass(step.active, found);
    judgeTunnels(step.active, found);
    for (const finding of inOrder(found)) emit(finding);
  });
}

/** First 16 bits of an address of either family. */
function highBits(words: Uint32Array, offset: number): number {
  return (words[offset] === 0 ? words[offset + 3]! : words[offset]!) >>> 16;
}

/** Which {@link highBits} some address of these networks has. */
function firstBits(networks: readonly string[]): Uint8Array {
  const table = new Uint8Array(65_536);
  for (const text of networks) {
    const prefix = parsePrefix(text);
    if (prefix === undefined) continue;
    const bits = isIpv4(prefix.words, 0) ? prefix.length - 96 : prefix.length;
    const first = highBits(prefix.words, 0);
    table.fill(1, first, first + (1 << Math.max(0, 16 - bits)));
  }
  return table;
}

function trieOf(networks: readonly string[]): PrefixTrie {
  const list = new PrefixList();
  for (const text of networks) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined) list.add(prefix, 0);
  }
  return new PrefixTrie(list);
}
