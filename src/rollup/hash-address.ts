/** A well-spread signed hash of the four words at `offset` (MurmurHash3's finaliser over multiplied words). */
export function hashAddress(words: Uint32Array, offset: number): number {
  let h = Math.imul(words[offset + 3]!, 0x9e3779b1) ^ Math.imul(words[offset]!, 0x165667b1);
  h ^= Math.imul(words[offset + 1]!, 0x27d4eb2f) ^ Math.imul(words[offset + 2]!, 0xcc9e2d51);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Of two addresses, from the hash of each; not the same the other way round. */
export function hashPair(subjectHash: number, peerHash: number): number {
  return Math.imul(subjectHash, 0x9e3779b1) ^ peerHash;
}
