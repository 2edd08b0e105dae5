export interface QueryParameter {
  readonly name: string;
  readonly summary: string;
  /** Used when the parameter is not given; without one it must be. */
  readonly default?: string;
}

/** A forensic question with a name; `$1`, `$2`, … are its parameters in order. */
export interface NamedQuery {
  readonly name: string;
  readonly summary: string;
  readonly parameters: readonly QueryParameter[];
  readonly sql: string;
}

const SINCE: QueryParameter = {
  name: 'since',
  summary: 'UTC time from which on, like 2026-01-31 or 2026-01-31 09:30:00',
  default: '1970-01-01',
};

/** Volumes come from sessions, where traffic that two interfaces logged counts once. */
export const NAMED_QUERIES: readonly NamedQuery[] = [
  {
    name: 'top-talkers',
    summary: 'pairs that moved the most bytes',
    parameters: [SINCE],
    sql: `SELECT srcaddr, dstaddr, dstport, protocol, count(*) AS sessions, sum(bytes_out) AS bytes_out, sum(bytes_in) AS bytes_in,
  min(start) AS first_seen, max("end") AS last_seen
FROM sessions WHERE "end" >= $1::TIMESTAMP
GROUP BY ALL ORDER BY sum(bytes_out + bytes_in) DESC, srcaddr, dstaddr, dstport LIMIT 20`,
  },
  {
    name: 'who-talked-to',
    summary: 'everyone who had a connection with an address, either way',
    parameters: [{ name: 'address', summary: 'IPv4 or IPv6 address' }, SINCE],
    sql: `SELECT CASE WHEN srcaddr = $1 THEN dstaddr ELSE srcaddr END AS peer, CASE WHEN srcaddr = $1 THEN 'outbound' ELSE 'inbound' END AS direction,
  dstport, protocol, count(*) AS sessions, count(*) FILTER (established) AS established, sum(bytes_out) AS bytes_out, sum(bytes_in) AS bytes_in,
  min(start) AS first_seen, max("end") AS last_seen
FROM sessions WHERE (srcaddr = $1 OR dstaddr = $1) AND "end" >= $2::TIMESTAMP
GROUP BY ALL ORDER BY first_seen, peer, dstport`,
  },
  {
    name: 'first-last-contact',
    summary: 'when two addresses first and last had a connection',
    parameters: [
      { name: 'a', summary: 'IPv4 or IPv6 address' },
      { name: 'b', summary: 'IPv4 or IPv6 address' },
    ],
    sql: `SELECT srcaddr AS initiator, dstaddr AS responder, dstport, protocol, min(start) AS first_contact, max("end") AS last_contact,
  count(*) AS sessions, count(*) FILTER (established) AS established, sum(bytes_out) AS bytes_out, sum(bytes_in) AS bytes_in
FROM sessions WHERE (srcaddr = $1 AND dstaddr = $2) OR (srcaddr = $2 AND dstaddr = $1)
GROUP BY ALL ORDER BY first_contact, dstport`,
  },
  {
    name: 'new-peers',
    summary: 'whom an address first connected to after a time',
    parameters: [
      { name: 'subject', summary: 'IPv4 or IPv6 address' },
      { name: 'since', summary: SINCE.summary },
    ],
    sql: `SELECT dstaddr AS peer, dstport, protocol, min(start) AS first_contact, count(*) AS sessions, sum(bytes_out) AS bytes_out
FROM sessions WHERE srcaddr = $1 AND established
GROUP BY ALL HAVING min(start) >= $2::TIMESTAMP ORDER BY first_contact, peer, dstport`,
  },
  {
    name: 'rejected-by-port',
    summary: 'rejected attempts by server port',
    parameters: [SINCE],
    sql: `SELECT dstport, protocol, sum(rejects) AS rejected_records, count(*) AS sessions, count(DISTINCT srcaddr) AS sources, count(DISTINCT dstaddr) AS targets
FROM sessions WHERE rejected AND "end" >= $1::TIMESTAMP
GROUP BY ALL ORDER BY rejected_records DESC, dstport, protocol LIMIT 50`,
  },
  {
    name: 'bytes-out-per-day',
    summary: 'bytes that internal addresses sent out of the network, by day',
    parameters: [{ name: 'subject', summary: 'one address only', default: '' }],
    sql: `SELECT date_trunc('day', "end")::DATE AS day, srcaddr AS subject, sum(bytes_out) AS bytes_out, count(*) AS sessions
FROM sessions WHERE src_scope = 'internal' AND dst_scope <> 'internal' AND ($1 = '' OR srcaddr = $1)
GROUP BY ALL ORDER BY day, bytes_out DESC, subject`,
  },
];
