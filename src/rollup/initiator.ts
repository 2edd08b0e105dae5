import { SCOPE } from '../columns/session-batch.ts';
import { NEVER } from './flow-row.ts';

const SYN = 2;
const ACK = 16;

/**
 * Server ports from 1024 up that real services listen on. Below 1024 every port counts as one (RFC 6335's system ports).
 * Source: IANA's registry and the defaults of the products named in AWS's security group documentation.
 */
const KNOWN_PORTS = new Set([
  1194, 1433, 1434, 1521, 1812, 1813, 1883, 2049, 2181, 2375, 2376, 2377, 2379, 2380, 3000, 3128, 3268, 3269,
  3306, 3389, 3478, 4317, 4318, 4443, 4500, 4789, 5000, 5044, 5060, 5061, 5222, 5353, 5432, 5439, 5601, 5671,
  5672, 5900, 5985, 5986, 6379, 6443, 7000, 7001, 7473, 7474, 7687, 8000, 8008, 8080, 8081, 8086, 8088, 8090,
  8123, 8125, 8140, 8161, 8200, 8300, 8301, 8400, 8443, 8500, 8600, 8883, 8888, 9000, 9042, 9090, 9091, 9092,
  9093, 9094, 9096, 9098, 9100, 9160, 9200, 9300, 9418, 9443, 9999, 10000, 10250, 10255, 10256, 11211, 11434,
  15672, 15692, 16379, 26379, 27017, 27018, 27019, 28017, 50051, 61613, 61616,
]);
const KNOWN = new Uint8Array(65536);
for (let port = 1; port < 65536; port++) KNOWN[port] = port < 1024 || KNOWN_PORTS.has(port) ? 1 : 0;

/** Where Linux (32768) and IANA (49152) begin to hand out client ports; below it a port is more likely a server's. */
const EPHEMERAL = 32768;

/**
 * Whether "lo" initiated, from everything seen of the session so far. `fact` (a SYN without ACK, or a SYN with ACK from the other side)
 * beats a known port, a known port beats a lower one, and the rest is decided by who was seen first. Where nothing tells (ICMP in one
 * capture window) our own end asked: what comes in needs a service to come to. `accepted`: some record of it was; `scopes`: scope of lo |
 * scope of hi << 8.
 */
export function loInitiated(
  flagsLo: number,
  flagsHi: number,
  loPort: number,
  hiPort: number,
  startLo: number,
  startHi: number,
  accepted: boolean,
  scopes: number,
): { readonly lo: boolean; readonly fact: boolean } {
  const loSyn = (flagsLo & SYN) !== 0;
  const hiSyn = (flagsHi & SYN) !== 0;
  if (loSyn || hiSyn) {
    const loAsks = loSyn && (flagsLo & ACK) === 0;
    const hiAsks = hiSyn && (flagsHi & ACK) === 0;
    if (loAsks !== hiAsks) return loAsks ? LO_FACT : HI_FACT;
    // Only the answer was seen (the request's window is elsewhere): whoever sent SYN with ACK was asked.
    if (!loAsks && loSyn !== hiSyn) return loSyn ? HI_FACT : LO_FACT;
  }
  const loKnown = KNOWN[loPort];
  const hiKnown = KNOWN[hiPort];
  if (loKnown !== hiKnown) return hiKnown ? LO_GUESS : HI_GUESS;
  // Refused and unanswered: whoever sent it asked. Scanners use any source port.
  if (!accepted && (startLo === NEVER) !== (startHi === NEVER))
    return startHi === NEVER ? LO_GUESS : HI_GUESS;
  if (loPort < EPHEMERAL !== hiPort < EPHEMERAL) return hiPort < EPHEMERAL ? LO_GUESS : HI_GUESS;
  if (startLo !== startHi) return startLo < startHi || startHi === NEVER ? LO_GUESS : HI_GUESS;
  if (loPort !== hiPort) return hiPort < loPort ? LO_GUESS : HI_GUESS;
  const [loIsOurs, hiIsOurs] = [(scopes & 255) === SCOPE.internal, scopes >>> 8 === SCOPE.internal];
  return hiIsOurs && !loIsOurs ? HI_GUESS : LO_GUESS;
}

const LO_FACT = { lo: true, fact: true };
const HI_FACT = { lo: false, fact: true };
const LO_GUESS = { lo: true, fact: false };
const HI_GUESS = { lo: false, fact: false };
