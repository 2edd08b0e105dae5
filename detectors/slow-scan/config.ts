import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);
const share = (fallback: number, text: string) =>
  z.number().min(0.001).max(0.999).default(fallback).describe(text);

export const slowScanConfig = z.strictObject({
  benign: share(0.8, 'Chance that a first contact of an ordinary host works (θ0)'),
  scanner: share(0.2, 'Chance that a first contact of a scanner works (θ1)'),
  falseAlarm: share(0.01, 'Share of ordinary hosts that may be called scanners (α)'),
  detection: share(0.99, 'Share of scanners that must be found (β)'),
  hosts: count(10, 'Distinct hosts that a source must have failed on'),
  insideHosts: count(20, 'The same of hosts inside: severity medium'),
  minutes: count(30, 'Minutes from the first failure on: what is faster is told by port-scan'),
  sharedBy: count(3, 'Sources that fail on a host from which on it is dead, and says nothing of them'),
  maxSources: count(16_384, 'Most sources followed at once'),
});

export type SlowScanConfig = z.infer<typeof slowScanConfig>;
