import type { PeerCertificate } from 'node:tls';

const KINDS = ['URI', 'DNS', 'email'];

/**
 * What a verified client certificate says of its holder, as the configuration writes it: its alternative names (`URI:…`, `DNS:…`,
 * `email:…`), then its common name (`CN:…`) when it has exactly one.
 */
export function identitiesOf(certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): string[] {
  const names = splitAltNames(certificate.subjectaltname ?? '').filter((name) =>
    KINDS.some((kind) => name.startsWith(`${kind}:`)),
  );
  const common: unknown = certificate.subject?.CN;
  return typeof common === 'string' && common !== '' ? [...names, `CN:${common}`] : names;
}

const ALT_NAME = /^([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))(?:, (.*))?$/s;

/**
 * Parts the text that Node makes of alternative names. Names with a comma, quotes or controls come as JSON texts after their kind
 * (CVE-2021-44532): without regard to that, one hostile name would read as two.
 */
function splitAltNames(text: string): string[] {
  const names: string[] = [];
  let rest = text;
  while (rest !== '') {
    const [, kind, quoted, plain, after] = ALT_NAME.exec(rest) ?? [];
    // What cannot be read for sure is nobody.
    if (kind === undefined) return [];
    names.push(`${kind}:${quoted === undefined ? (plain ?? '') : String(JSON.parse(quoted))}`);
    rest = after ?? '';
  }
  return names;
}
