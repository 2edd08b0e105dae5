import { packSnapshot, unpackSnapshot } from '../../src/columns/snapshot.ts';
import { type Detector, type Phase, SEVERITIES, type Severity, type Sign } from '../../src/contracts.ts';
import { raised } from '../claim.ts';
import type { CorroborationConfig } from './config.ts';
import { type Seen, signsFinding } from './finding.ts';

const HOUR = 3600;
/** Seconds after which signs that go on are told again, so that their alert does not resolve. */
const REMIND = 6 * HOUR;

/** Signs of lower severity are too common to agree by anything but chance. */
const LEAST = SEVERITIES.indexOf('medium');
/**
 * Phases whose signs do not follow from the same traffic. What is new or much on its way out says nothing more of a host that scans, guesses
 * passwords or floods, as all of these are new and much.
 */
const INDEPENDENT: readonly (readonly [Phase, Phase])[] = [
  ['reconnaissance', 'access'],
  ['reconnaissance', 'command-and-control'],
  ['access', 'command-and-control'],
  ['access', 'impact'],
  ['command-and-control', 'exfiltration'],
  ['command-and-control', 'impact'],
];

/** What is known of a host: its signs by detector, and what was told of them. */
interface Host {
  readonly signs: Map<string, Seen>;
  told: { readonly detectors: number; readonly severity: Severity; readonly at: number } | undefined;
}

/** The detector at work: signs of the last hours by host. It sees no traffic, only what other detectors found. */
export function createCorroboration(config: CorroborationConfig): Detector {
  const span = config.hours * HOUR;
  const hosts = new Map<string, Host>();
  let overflow = 0;
  let swept = 0;

  function remember({ detector, phase, finding }: Sign): string | undefined {
    const { subject, severity } = finding;
    let host = hosts.get(subject);
    if (host === undefined) {
      if (hosts.size >= config.maxHosts) {
        overflow++;
        return undefined;
      }
      host = { signs: new Map(), told: undefined };
      hosts.set(subject, host);
    }
    const { title, firstSeen, lastSeen, interfaceId, accountId } = finding;
    const before = host.signs.get(detector);
    const worse = before === undefined || rank(severity) >= rank(before.severity);
    host.signs.set(detector, {
      ...(worse
        ? { detector, phase, severity, title, interfaceId, accountId, samples: finding.samples.slice(0, 1) }
        : before),
      firstSeen: Math.min(firstSeen, before?.firstSeen ?? firstSeen),
      lastSeen: Math.max(lastSeen, before?.lastSeen ?? lastSeen),
    });
    return subject;
  }

  function forget(host: Host, now: number): void {
    for (const [detector, { lastSeen }] of host.signs) if (lastSeen < now - span) host.signs.delete(detector);
  }

  return {
    get overflow() {
      return overflow;
    },
    signs(signs, now, emit) {
      if (now - swept >= HOUR) {
        swept = now;
        for (const [subject, host] of hosts) {
          forget(host, now);
          if (host.signs.size === 0) hosts.delete(subject);
        }
      }
      const touched = new Set<string>();
      for (const sign of signs) {
        if (rank(sign.finding.severity) < LEAST || sign.finding.samples.length === 0) continue;
        const subject = remember(sign);
        if (subject !== undefined) touched.add(subject);
      }
      for (const subject of [...touched].sort()) {
        const host = hosts.get(subject)!;
        forget(host, now);
        const seen = [...host.signs.values()].sort(
          (a, b) => a.firstSeen - b.firstSeen || (a.detector < b.detector ? -1 : 1),
        );
        const verdict = verdictOf(seen);
        if (verdict === undefined) continue;
        const { told } = host;
        const worse = told === undefined || rank(verdict.severity) > rank(told.severity);
        if (!worse && seen.length <= told.detectors && now - told.at < REMIND) continue;
        host.told = { detectors: seen.length, severity: verdict.severity, at: now };
        emit(signsFinding(subject, seen, verdict.severity, verdict.chain, config.hours));
      }
    },
    snapshot: () =>
      packSnapshot(
        {},
        {
          hosts: [...hosts].map(([subject, { signs, told }]) => ({
            subject,
            signs: [...signs.values()],
            told,
          })),
          overflow,
          swept,
        },
      ),
    restore(state) {
      const saved = unpackSnapshot(state).meta as {
        hosts: { subject: string; signs: Seen[]; told: Host['told'] }[];
        overflow: number;
        swept: number;
      };
      hosts.clear();
      for (const { subject, signs, told } of saved.hosts)
        hosts.set(subject, { signs: new Map(signs.map((seen) => [seen.detector, seen])), told });
      ({ overflow, swept } = saved);
    },
  };
}

/** Severity of signs that belong together; undefined: they do not. */
function verdictOf(signs: readonly Seen[]): { severity: Severity; chain: boolean } | undefined {
  if (isChain(signs)) return { severity: 'critical', chain: true };
  const phases = new Set(signs.map(({ phase }) => phase));
  if (!INDEPENDENT.some(([one, other]) => phases.has(one) && phases.has(other))) return undefined;
  const worst = signs.reduce((most, { severity }) => Math.max(most, rank(severity)), 0);
  return { severity: raised(SEVERITIES[worst]!), chain: false };
}

/** Whether somebody looked around, got in, and then took something out: in this order, each seen before the last one went on. */
function isChain(signs: readonly Seen[]): boolean {
  const first = (phase: Seen['phase']): number =>
    Math.min(...signs.filter((seen) => seen.phase === phase).map(({ firstSeen }) => firstSeen));
  const last = (phase: Seen['phase']): number =>
    Math.max(...signs.filter((seen) => seen.phase === phase).map(({ lastSeen }) => lastSeen));
  return first('reconnaissance') < last('access') && first('access') < last('exfiltration');
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}
