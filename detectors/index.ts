import { badIp } from './bad-ip/detector.ts';
import { beacon } from './beacon/detector.ts';
import { bruteForce } from './brute-force/detector.ts';
import type { DetectorModule } from './define.ts';
import { irc } from './irc/detector.ts';
import { longConnection } from './long-connection/detector.ts';
import { portScan } from './port-scan/detector.ts';
import { segmentation } from './segmentation/detector.ts';
import { telemetryLoss } from './telemetry-loss/detector.ts';
import { unexpectedEgress } from './unexpected-egress/detector.ts';
import { volumeSpike } from './volume-spike/detector.ts';

/** Every detector that ships, sorted by id: the only list of them. */
export const detectors: readonly DetectorModule[] = [
  badIp,
  beacon,
  bruteForce,
  irc,
  longConnection,
  portScan,
  segmentation,
  telemetryLoss,
  unexpectedEgress,
  volumeSpike,
];
