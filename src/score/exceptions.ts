import { inPrefix, type Prefix, parseAddress, parsePrefix } from '../columns/address.ts';
import type { Exception, Finding } from '../contracts.ts';

/** Finds the exception that mutes a finding: index into the list, -1 when none does. `now` is event time in Unix seconds. */
export type Mute = (detector: string, finding: Finding, now: number) => number;

interface Compiled {
  readonly exception: Exception;
  readonly subject: Prefix | string | undefined;
  readonly peer: Prefix | undefined;
  readonly expires: number;
}

/** Compiles exceptions; their addresses and times have been validated with the configuration. */
export function createMute(exceptions: readonly Exception[]): Mute {
  const compiled = exceptions.map(
    (exception): Compiled => ({
      exception,
      subject:
        exception.subject === undefined ? undefined : (parsePrefix(exception.subject) ?? exception.subject),
      peer: exception.peer === undefined ? undefined : parsePrefix(exception.peer),
      expires:
        exception.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(exception.expires) / 1000,
    }),
  );
  return (detector, finding, now) =>
    compiled.findIndex(
      ({ exception, subject, peer, expires }) =>
        exception.detector === detector &&
        now < expires &&
        (subject === undefined || holds(subject, finding.subject)) &&
        (peer === undefined || holds(peer, finding.exception.peer ?? finding.peer)) &&
        (exception.port === undefined || exception.port === finding.port) &&
        (exception.protocol === undefined || exception.protocol === finding.protocol) &&
        (exception.rule === undefined || exception.rule === finding.exception.rule),
    );
}

/** `text`: an address or a network, as detectors give in what they offer as exception, or a name. */
function holds(prefix: Prefix | string, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (typeof prefix === 'string') return prefix === text;
  const words = parseAddress(text);
  if (words !== undefined) return inPrefix(words, 0, prefix);
  const network = parsePrefix(text);
  return network !== undefined && network.length >= prefix.length && inPrefix(network.words, 0, prefix);
}
