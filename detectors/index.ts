import type { Guide } from '../src/contracts.ts';
import { badIp } from './bad-ip/detector.ts';
import { beacon } from './beacon/detector.ts';
import { bruteForce } from './brute-force/detector.ts';
import { corroboration } from './corroboration/detector.ts';
import { cryptoMining } from './crypto-mining/detector.ts';
import type { DetectorModule } from './define.ts';
import { dnsBypass } from './dns-bypass/detector.ts';
import { exposedPort } from './exposed-port/detector.ts';
import { irc } from './irc/detector.ts';
import { lateralMovement } from './lateral-movement/detector.ts';
import { longConnection } from './long-connection/detector.ts';
import { outboundDos } from './outbound-dos/detector.ts';
import { plaintext } from './plaintext/detector.ts';
import { portScan } from './port-scan/detector.ts';
import { segmentation } from './segmentation/detector.ts';
import { slowExfiltration } from './slow-exfiltration/detector.ts';
import { slowScan } from './slow-scan/detector.ts';
import { spam } from './spam/detector.ts';
import { telemetryLoss } from './telemetry-loss/detector.ts';
import { tor } from './tor/detector.ts';
import { unexpectedEgress } from './unexpected-egress/detector.ts';
import { unusualProtocol } from './unusual-protocol/detector.ts';
import { uploadAsymmetry } from './upload-asymmetry/detector.ts';
import { volumeSpike } from './volume-spike/detector.ts';

/** Every detector that ships, sorted by id: the only list of them. */
export const detectors: readonly DetectorModule[] = [
  badIp,
  beacon,
  bruteForce,
  corroboration,
  cryptoMining,
  dnsBypass,
  exposedPort,
  irc,
  lateralMovement,
  longConnection,
  outboundDos,
  plaintext,
  portScan,
  segmentation,
  slowExfiltration,
  slowScan,
  spam,
  telemetryLoss,
  tor,
  unexpectedEgress,
  unusualProtocol,
  uploadAsymmetry,
  volumeSpike,
];

const byId = new Map(detectors.map((detector) => [detector.id, detector.guide]));

/** What is said of a detector's alerts; undefined for one that there is not, or no longer. */
export function guideOf(detector: string): Guide | undefined {
  return byId.get(detector);
}
