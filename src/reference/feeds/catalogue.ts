/** A well-known free list, ready to be switched on by its id. */
export interface ReadyFeed {
  readonly id: string;
  /** What it lists, for people. */
  readonly lists: string;
  readonly url: string;
  readonly format: string;
  /** Of records that name none; detectors take their topics from it. */
  readonly category: string;
  /** Of records that name none: how likely it is that somebody who talks with a listed address is in trouble. */
  readonly confidence: number;
  /** Under what terms it may be used, as its publisher says. */
  readonly licence: string;
  readonly about: string;
  /** Seconds between two questions that its publisher does not mind. */
  readonly interval: number;
  /** Private and reserved networks are in it on purpose, and passed over. */
  readonly hasReserved?: true;
}

const HOUR = 3600;

/** Addresses, formats and terms as their publishers document them. None is asked unless a configuration names it. */
export const READY_FEEDS: readonly ReadyFeed[] = [
  {
    id: 'feodo',
    lists: 'servers that command botnets (Dridex, Emotet, TrickBot, QakBot, …) of the last 30 days',
    url: 'https://feodotracker.abuse.ch/downloads/ipblocklist.csv',
    format: 'CSV with the malware and when it was last online',
    category: 'command-and-control',
    confidence: 95,
    licence: 'CC0',
    about: 'https://feodotracker.abuse.ch/blocklist/',
    interval: HOUR,
  },
  {
    id: 'urlhaus',
    lists: 'hosts of URLs from which malware is downloaded now, where the host is an address',
    url: 'https://urlhaus.abuse.ch/downloads/text_online/',
    format: 'a URL a line',
    category: 'malware-download',
    confidence: 75,
    licence: 'CC0',
    about: 'https://urlhaus.abuse.ch/api/',
    interval: HOUR,
  },
  {
    id: 'spamhaus-drop',
    lists: 'IPv4 networks that were hijacked or are leased by criminals as a whole',
    url: 'https://www.spamhaus.org/drop/drop_v4.json',
    format: 'JSON lines',
    category: 'hijacked-network',
    confidence: 90,
    licence:
      'free of charge; credit to The Spamhaus Project and its copyright note stay with it; asked at most once an hour',
    about: 'https://www.spamhaus.org/blocklists/do-not-route-or-peer/',
    interval: 12 * HOUR,
  },
  {
    id: 'spamhaus-drop-v6',
    lists: 'the same for IPv6',
    url: 'https://www.spamhaus.org/drop/drop_v6.json',
    format: 'JSON lines',
    category: 'hijacked-network',
    confidence: 90,
    licence:
      'free of charge; credit to The Spamhaus Project and its copyright note stay with it; asked at most once an hour',
    about: 'https://www.spamhaus.org/blocklists/do-not-route-or-peer/',
    interval: 12 * HOUR,
  },
  {
    id: 'tor-exits',
    lists: 'exits of the Tor network, for the detector tor',
    url: 'https://check.torproject.org/torbulkexitlist',
    format: 'an address a line',
    category: 'tor-exit',
    confidence: 100,
    licence: 'published by The Tor Project for this use; no licence is stated',
    about: 'https://blog.torproject.org/changes-tor-exit-list-service/',
    interval: HOUR,
  },
  {
    id: 'cins',
    lists: 'addresses that attacked the sensors of CINS, mostly scanners',
    url: 'https://cinsscore.com/list/ci-badguys.txt',
    format: 'an address a line',
    category: 'scanner',
    confidence: 60,
    licence: 'free of charge; no licence is stated',
    about: 'https://cinsscore.com/#list',
    interval: 6 * HOUR,
  },
  {
    id: 'firehol-level1',
    lists:
      'the union of lists that FireHOL holds to be free of false positives; reserved networks in it are passed over',
    url: 'https://iplists.firehol.org/files/firehol_level1.netset',
    format: 'a network a line',
    category: 'attacker',
    confidence: 75,
    licence: 'that of each list in it; see the page',
    about: 'https://iplists.firehol.org/?ipset=firehol_level1',
    interval: 6 * HOUR,
    hasReserved: true,
  },
  {
    id: 'et-compromised',
    lists: 'hosts that Emerging Threats knows to be compromised',
    url: 'https://rules.emergingthreats.net/blockrules/compromised-ips.txt',
    format: 'an address a line',
    category: 'compromised-host',
    confidence: 60,
    licence: 'that of the Emerging Threats Open rules; see the page',
    about: 'https://rules.emergingthreats.net/OPEN_download_instructions.html',
    interval: 12 * HOUR,
  },
];
