const DAY = 86_400;
/** Days before its end at which a certificate is spoken of again. */
const CERTIFICATE_DAYS = [14, 7, 1];
/** Share of a life at which the first word is due: a third of a certificate's, as Go's autocert renews, at most 30 days; a quarter of a list's. */
const SHARE = { certificate: 1 / 3, crl: 1 / 4 } as const;
const FIRST_DAYS = 30;

/** A certificate, or a list of revoked ones. Times are Unix seconds. */
export interface Dated {
  readonly kind: 'certificate' | 'crl';
  readonly file: string;
  /** Tells it from the one that replaces it: a fingerprint. */
  readonly id: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Seconds before its end at which a word is due, the longest first; 0 is the end itself. */
export function warningTimes({ kind, notBefore, notAfter }: Dated): number[] {
  if (!Number.isFinite(notAfter)) return [];
  const first = Math.min(FIRST_DAYS * DAY, Math.max(0, notAfter - notBefore) * SHARE[kind]);
  const later = CERTIFICATE_DAYS.map((days) => days * DAY).filter((seconds) => seconds < first);
  return [first, ...later, 0];
}

/** Looks at certificates again and again, and speaks once at each of their {@link warningTimes}. */
export function createExpiryMonitor(
  report: (dated: Dated, secondsLeft: number) => void,
): (all: readonly Dated[], now: number) => void {
  let spoken = new Map<string, number>();
  return (all, now) => {
    const next = new Map<string, number>();
    for (const dated of all) {
      const key = `${dated.file} ${dated.id}`;
      const left = dated.notAfter - now;
      const passed = warningTimes(dated).filter((seconds) => left <= seconds).length;
      // Several that were passed at once are one word.
      if (passed > (spoken.get(key) ?? 0)) report(dated, left);
      next.set(key, passed);
    }
    spoken = next;
  };
}
