import { type Interface, windowAt } from './interfaces.ts';

/** One end of a connection. */
export interface End {
  /** The address that packets carry: a pod's own one, not its node's. */
  readonly address: number;
  /** The interface that captures it; none beyond the VPC. */
  readonly eni: Interface | undefined;
}

/** A connection, or one datagram exchange, from its first packet to its last. */
export interface Connection {
  readonly client: End;
  readonly server: End;
  /** The NAT gateway on the way, and the port it uses outside. */
  readonly nat?: Interface | undefined;
  readonly natPort?: number;
  /** Whether the server's address lies in the VPC, also when no interface has it. */
  readonly local: boolean;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly protocol: number;
  /** Seconds, fractions allowed. */
  readonly at: number;
  readonly seconds: number;
  /** Bytes on the wire and packets from the client (up) and back (down). */
  readonly up: number;
  readonly down: number;
  readonly upPackets: number;
  readonly downPackets: number;
  /**
   * answered; rejected: a security group drops it (the server's when it is ours, else the client's); refused: a reset comes back;
   * silent: nothing comes back; reset: answered and then cut.
   */
  readonly outcome: 'answered' | 'rejected' | 'refused' | 'silent' | 'reset';
  /** For long-lived ones as busy as the time of day: their amounts follow the rhythm and vary from minute to minute by this number. */
  readonly wobble?: number | undefined;
  readonly truth?: number | undefined;
}

/** One sight of a connection: which interface sees it, and with which addresses. */
export interface Leg {
  readonly eni: Interface;
  readonly src: number;
  readonly dst: number;
  readonly packetSrc: number;
  readonly packetDst: number;
  readonly srcPort: number;
  readonly dstPort: number;
  /** Whether packets from the client leave the VPC side of this interface here. */
  readonly egress: boolean;
  readonly path: number;
  readonly rejects: boolean;
  next: number;
}

/** AWS's traffic-path values: same VPC, gateway endpoint, internet gateway. */
export const PATH = { none: 0, vpc: 1, gatewayEndpoint: 7, internet: 8 } as const;

/** The interfaces that see a connection, in the order in which its first packet meets them. `viaEndpoint`: what a gateway endpoint serves. */
export function legsOf(
  connection: Connection,
  interval: number,
  viaEndpoint: (address: number) => boolean,
): Leg[] {
  const { client, server, nat, clientPort, serverPort, outcome } = connection;
  const first = windowOrZero(client.eni, connection.at, interval);
  const legs: Leg[] = [];
  // Between pods of one node nothing leaves the node.
  if (client.eni !== undefined && client.eni === server.eni) return legs;
  const rejected = outcome === 'rejected';
  const inside = connection.local || nat !== undefined;
  if (client.eni !== undefined) {
    legs.push({
      eni: client.eni,
      // A pod's packets are logged with the node's primary address; the pod's own one is in pkt-srcaddr.
      src: primary(client),
      dst: server.address,
      packetSrc: client.address,
      packetDst: server.address,
      srcPort: clientPort,
      dstPort: serverPort,
      egress: true,
      path: inside ? PATH.vpc : viaEndpoint(server.address) ? PATH.gatewayEndpoint : PATH.internet,
      rejects: rejected && server.eni === undefined,
      next: first,
    });
  }
  if (rejected && server.eni === undefined) return legs;
  if (nat !== undefined) {
    const natPort = connection.natPort ?? clientPort;
    const next = windowAt(nat, connection.at, interval);
    legs.push({
      eni: nat,
      src: client.address,
      dst: nat.v4,
      packetSrc: client.address,
      packetDst: server.address,
      srcPort: clientPort,
      dstPort: serverPort,
      egress: false,
      path: PATH.vpc,
      rejects: false,
      next,
    });
    legs.push({
      eni: nat,
      src: nat.v4,
      dst: server.address,
      packetSrc: nat.v4,
      packetDst: server.address,
      srcPort: natPort,
      dstPort: serverPort,
      egress: true,
      path: PATH.internet,
      rejects: false,
      next,
    });
  }
  if (server.eni !== undefined) {
    legs.push({
      eni: server.eni,
      src: client.address,
      dst: primary(server),
      packetSrc: client.address,
      packetDst: server.address,
      srcPort: clientPort,
      dstPort: serverPort,
      egress: false,
      path: client.eni === undefined ? PATH.internet : PATH.vpc,
      rejects: rejected,
      next: windowAt(server.eni, connection.at, interval),
    });
  }
  return legs;
}

function primary(end: End): number {
  const eni = end.eni;
  // IPv6 has no primary address to fall back to: the packet's own address is logged.
  return eni === undefined || end.address >= 4294967296 ? end.address : eni.v4;
}

function windowOrZero(eni: Interface | undefined, second: number, interval: number): number {
  return eni === undefined ? 0 : windowAt(eni, second, interval);
}
