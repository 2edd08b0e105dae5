import { type Addresses, V6_BASE } from './addresses.ts';
import { FIELD_VERSIONS } from './fields.ts';
import type { Interface } from './interfaces.ts';
import { type Rows, STATUS } from './rows.ts';
import type { LineWriter } from './writer.ts';

/** Writes one field of one row. */
export type Put = (writer: LineWriter, rows: Rows, row: number) => void;

const REGION = 'eu-west-1';
const ACTIONS = [ascii('ACCEPT'), ascii('REJECT')];
const DIRECTIONS = [ascii('ingress'), ascii('egress')];
const STATUSES = [ascii('OK'), ascii('NODATA'), ascii('SKIPDATA')];
const TYPES = [ascii('IPv4'), ascii('IPv6')];

/** How to write each of `fields`. `interfaces` may grow later. */
export function fieldPuts(
  fields: readonly string[],
  interfaces: readonly Interface[],
  addresses: Addresses,
): Put[] {
  // A record's version is the highest among its fields (AWS).
  const version = Math.max(2, ...fields.map((field) => FIELD_VERSIONS.get(field) ?? 2));
  const flow: Record<string, Put> = {
    srcaddr: (writer, rows, row) => writer.address(rows.src[row]!),
    dstaddr: (writer, rows, row) => writer.address(rows.dst[row]!),
    'pkt-srcaddr': (writer, rows, row) => writer.address(rows.packetSrc[row]!),
    'pkt-dstaddr': (writer, rows, row) => writer.address(rows.packetDst[row]!),
    srcport: (writer, rows, row) => writer.number(rows.srcPort[row]!),
    dstport: (writer, rows, row) => writer.number(rows.dstPort[row]!),
    protocol: (writer, rows, row) => writer.number(rows.protocol[row]!),
    packets: (writer, rows, row) => writer.number(rows.packets[row]!),
    bytes: (writer, rows, row) => writer.number(rows.bytes[row]!),
    action: (writer, rows, row) => writer.text(ACTIONS[rows.reject[row]!]!),
    'tcp-flags': (writer, rows, row) => writer.number(rows.flags[row]!),
    type: (writer, rows, row) => writer.text(TYPES[rows.src[row]! >= V6_BASE ? 1 : 0]!),
    'flow-direction': (writer, rows, row) => writer.text(DIRECTIONS[rows.egress[row]!]!),
    'traffic-path': (writer, rows, row) =>
      rows.path[row] === 0 ? writer.dash() : writer.number(rows.path[row]!),
    'pkt-src-aws-service': (writer, rows, row) => service(writer, addresses, rows.packetSrc[row]!),
    'pkt-dst-aws-service': (writer, rows, row) => service(writer, addresses, rows.packetDst[row]!),
  };
  const window: Record<string, Put> = {
    version: (writer) => writer.number(version),
    start: (writer, rows, row) => writer.number(rows.start[row]!),
    end: (writer, rows, row) => writer.number(rows.end[row]!),
    'log-status': (writer, rows, row) => writer.text(STATUSES[rows.status[row]!]!),
    'account-id': ofInterface(interfaces, (eni) => eni.account),
    'interface-id': ofInterface(interfaces, (eni) => eni.id),
    'vpc-id': ofInterface(interfaces, (eni) => eni.vpc),
    'subnet-id': ofInterface(interfaces, (eni) => eni.subnet),
    'instance-id': ofInterface(interfaces, (eni) => eni.instance),
    'az-id': ofInterface(interfaces, (eni) => eni.zone),
    region: ofInterface(interfaces, () => REGION),
    'interface-type': ofInterface(interfaces, (eni) => eni.kind),
  };
  const dash: Put = (writer) => writer.dash();
  return fields.map((field) => {
    const put = flow[field];
    if (put === undefined) return window[field] ?? dash;
    // NODATA and SKIPDATA records have no flow to speak of.
    return (writer, rows, row) => (rows.status[row] === STATUS.ok ? put(writer, rows, row) : writer.dash());
  });
}

/** A field that is the same text in every record of an interface. */
function ofInterface(interfaces: readonly Interface[], read: (eni: Interface) => string): Put {
  const texts: Uint8Array[] = [];
  return (writer, rows, row) => {
    const index = rows.eni[row]!;
    let text = texts[index];
    if (text === undefined) {
      text = ascii(read(interfaces[index]!));
      texts[index] = text;
    }
    writer.text(text);
  };
}

function service(writer: LineWriter, addresses: Addresses, code: number): void {
  const name = addresses.service(code);
  if (name === '') writer.dash();
  else writer.text(ascii(name));
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
