import { createHash } from 'node:crypto';

/** Identity of an alert: detector, subject and counterpart, never time, so that the same thing seen again is the same alert. */
export function fingerprint(detector: string, subject: string, counterpart: string): string {
  return createHash('sha256').update(`${detector}\0${subject}\0${counterpart}`).digest('hex').slice(0, 32);
}
