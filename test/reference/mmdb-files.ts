import { join } from 'node:path';

const folder = join(import.meta.dirname, 'mmdb');

/**
 * Small files in MaxMind's DB format, with records as their publishers document them. `test/integration/mmdb.test.ts` has the writer that made
 * them, and holds that it writes the same again.
 */
export const MMDB_FILES = {
  /** As GeoLite2-ASN and DB-IP's ASN Lite. */
  asn: {
    file: join(folder, 'asn.mmdb'),
    type: 'GeoLite2-ASN',
    version: 6,
    records: {
      '203.0.113.0/24': { autonomous_system_number: 64_500, autonomous_system_organization: 'Example Ltd' },
      '203.0.113.128/25': { autonomous_system_number: 64_501, autonomous_system_organization: 'Part\nof it' },
      '2001:db8::/32': { autonomous_system_number: 64_502, autonomous_system_organization: 'Six' },
    },
  },
  /** As GeoLite2-Country, and the City files. */
  country: {
    file: join(folder, 'country.mmdb'),
    type: 'GeoLite2-Country',
    version: 6,
    records: {
      '203.0.113.0/24': { country: { iso_code: 'NL', names: { en: 'Netherlands' } } },
      '2001:db8::/32': { country: { iso_code: 'DE' }, traits: { autonomous_system_number: 1 } },
    },
  },
  /** As IPinfo Lite: everything in one, as texts, here for IPv4 alone. */
  lite: {
    file: join(folder, 'lite.mmdb'),
    type: 'ipinfo lite',
    version: 4,
    records: {
      '198.51.100.0/24': {
        asn: 'AS64510',
        as_name: 'Lite Inc',
        country_code: 'US',
        country: 'United States',
      },
    },
  },
  /** Of a kind that says nothing that we use. */
  other: {
    file: join(folder, 'other.mmdb'),
    type: 'GeoIP2-Connection-Type',
    version: 6,
    records: { '203.0.113.0/24': { connection_type: 'Cable/DSL' } },
  },
} as const;
