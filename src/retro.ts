import { formatAddress } from './columns/address.ts';
import { STATE } from './columns/session-batch.ts';
import { compareTexts } from './columns/text-order.ts';
import type { Indicators, PastContact } from './contracts.ts';
import type { Rollup } from './rollup/rollup.ts';

/** Server ports shown of a contact, as in stored contacts. */
const SHOWN_PORTS = 8;

type Open = { -readonly [Key in keyof PastContact]: PastContact[Key] } & { readonly all: Set<number> };

/**
 * Contacts of the sessions that have not ended with what `indicators` list: those are not stored yet, and are judged no more as new ones. In
 * no particular order.
 */
export function openContacts(rollup: Rollup, indicators: Indicators): PastContact[] {
  const contacts = new Map<string, Open>();
  rollup.eachOpen((some) => {
    for (let row = 0; row < some.length; row++) {
      const outward = indicators.match(some.dstAddr, row * 4);
      const listing = outward ?? indicators.match(some.srcAddr, row * 4);
      const end = some.end[row]!;
      if (listing === undefined || (listing.expires !== 0 && end >= listing.expires)) continue;
      const inbound = outward === undefined;
      const subject = formatAddress(inbound ? some.dstAddr : some.srcAddr, row * 4);
      const peer = formatAddress(inbound ? some.srcAddr : some.dstAddr, row * 4);
      const key = `${subject} ${peer} ${inbound}`;
      const start = some.start[row]!;
      let contact = contacts.get(key);
      if (contact === undefined) {
        const { feed, category, confidence, network, expires, seen } = listing;
        contact = {
          ...{ subject, peer, inbound, ports: [], portCount: 0, protocol: some.protocol[row]! },
          ...{ first: start, last: end, sessions: 0, established: 0, rejected: 0, sent: 0, received: 0 },
          ...{ listing: { feed, category, confidence, network, expires, seen }, all: new Set() },
        };
        contacts.set(key, contact);
      }
      const state = some.state[row]!;
      contact.all.add(some.dstPort[row]!);
      contact.protocol = Math.min(contact.protocol, some.protocol[row]!);
      contact.first = Math.min(contact.first, start);
      contact.last = Math.max(contact.last, end);
      contact.sessions++;
      if ((state & STATE.established) !== 0) contact.established++;
      if ((state & STATE.rejected) !== 0) contact.rejected++;
      contact.sent += inbound ? some.bytesIn[row]! : some.bytesOut[row]!;
      contact.received += inbound ? some.bytesOut[row]! : some.bytesIn[row]!;
    }
  });
  return [...contacts.values()].map(({ all, ...contact }) => ({
    ...contact,
    ports: [...all].sort((a, b) => a - b).slice(0, SHOWN_PORTS),
    portCount: all.size,
  }));
}

/**
 * The contacts that matter most, at most so many: what ours began and got through, then what came in and was answered, then what ours were
 * kept from; more bytes first. Knocks from outside that nobody answered are none.
 */
export function withinBudget(
  contacts: readonly PastContact[],
  most: number,
): { readonly told: PastContact[]; readonly left: number } {
  const ranked = contacts
    .filter(({ inbound, established }) => !inbound || established > 0)
    .sort(
      (a, b) =>
        rank(a) - rank(b) ||
        b.sent + b.received - (a.sent + a.received) ||
        a.first - b.first ||
        compareTexts(a.subject, b.subject) ||
        compareTexts(a.peer, b.peer),
    );
  return { told: ranked.slice(0, most), left: Math.max(0, ranked.length - most) };
}

function rank({ inbound, sessions, rejected }: PastContact): number {
  if (inbound) return 1;
  return sessions > rejected ? 0 : 2;
}
