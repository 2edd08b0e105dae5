import { SCOPE, type SessionBatch } from '../src/columns/session-batch.ts';
import { isOutside } from './sessions.ts';

/** Bytes out of a session in a step below which it is no part of an upload: requests and acknowledgements. */
const STEP_BYTES = 4096;

/**
 * Rows by which a host of ours uploads in the step: it opened the session, to an address outside, and sent at least `ratio` times what came
 * back. Answers of servers, which also send more than they get, are not among them, nor is what nobody answers: that is a flood.
 */
export function uploadRows(sessions: SessionBatch, ratio: number, into: number[]): void {
  into.length = 0;
  const { length, srcScope, dstScope, stepBytesOut, stepBytesIn, packetsIn } = sessions;
  for (let row = 0; row < length; row++) {
    const out = stepBytesOut[row]!;
    if (out < STEP_BYTES || out < ratio * stepBytesIn[row]!) continue;
    if (srcScope[row] === SCOPE.internal && packetsIn[row]! > 0 && isOutside(dstScope[row]!)) into.push(row);
  }
}
