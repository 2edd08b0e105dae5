import { hashWords } from '../src/columns/key-table.ts';

/** Two hashes of a role's text: rows would follow arrival, and a hash of 64 bits does not collide in practice. */
export const ROLE_WORDS = 2;

const ROLE_SEEDS = [0x51ed270b, 0x0b4d3c1f] as const;

const text = new Uint32Array(256);

/** Writes the two hashes of a role's text. */
export function hashRole(role: string, out: Uint32Array, at: number): void {
  const length = Math.min(role.length, text.length);
  for (let i = 0; i < length; i++) text[i] = role.charCodeAt(i);
  for (let i = 0; i < ROLE_WORDS; i++) out[at + i] = hashWords(text, 0, length, ROLE_SEEDS[i]!);
}
