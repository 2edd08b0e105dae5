/** Others whose last claims are kept; a data folder that was not seen among so many is believed to be gone. */
const MAX_OTHERS = 20;
const MARK = 'flowsentry/';

/** Who bound a partition, and in which checkpoint: the newest first, and for each data folder its last. */
export type Claims = ReadonlyMap<string, number>;

/**
 * Reads what a commit carries beside the offset. Empty when somebody else wrote it. The claims of others are carried on so that whoever died
 * between binding a checkpoint and carrying it out still finds its own, when another member has gone on with the partition meanwhile.
 */
export function parseClaims(metadata: string | null): Claims {
  const claims = new Map<string, number>();
  if (!metadata?.startsWith(MARK)) return claims;
  for (const entry of metadata.slice(MARK.length).split(' ')) {
    const [instance = '', seq] = entry.split('/');
    claims.set(instance, Number(seq));
  }
  return claims;
}

/** What a commit of the checkpoint `seq` carries, after those that were there. */
export function formatClaims(instance: string, seq: number, before: Claims): string {
  const others = [...before].filter(([other]) => other !== instance).slice(0, MAX_OTHERS);
  return MARK + [[instance, seq], ...others].map(([who, which]) => `${who}/${which}`).join(' ');
}
