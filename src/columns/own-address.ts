import { copyAddress, isSameAddress } from './address.ts';
import type { SessionBatch } from './session-batch.ts';

// Flow logs are taken at an interface, so the address that is an end of every session which it counted is its own.

/** Writes both ends of a session: the first two that may be its interface's own, eight words. */
export function putEnds(sessions: SessionBatch, row: number, out: Uint32Array, at: number): void {
  copyAddress(sessions.srcAddr, row * 4, out, at);
  copyAddress(sessions.dstAddr, row * 4, out, at + 4);
}

/**
 * Of the first `count` addresses from `at` on, brings those to the front that are an end of this session too, and returns how many they are.
 * In whatever order sessions come, what is left is the same. When none is left the first one stays where it was.
 */
export function keepEnds(
  candidates: Uint32Array,
  at: number,
  count: number,
  sessions: SessionBatch,
  row: number,
): number {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const from = at + i * 4;
    const isEnd =
      isSameAddress(candidates, from, sessions.srcAddr, row * 4) ||
      isSameAddress(candidates, from, sessions.dstAddr, row * 4);
    if (!isEnd) continue;
    if (kept < i) candidates.copyWithin(at + kept * 4, from, from + 4);
    kept++;
  }
  return kept;
}
