import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a certificate and its key, and their contents. */
export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly subject?: string;
  /** As openssl writes them: `DNS:a.example,URI:spiffe://x`. */
  readonly altNames?: string;
  readonly usage?: 'serverAuth' | 'clientAuth';
  /** Days from now; negative ones lie in the past. */
  readonly from?: number;
  readonly to?: number;
}

/** A certificate authority of openssl's in a folder of its own. */
export interface Authority {
  readonly certFile: string;
  readonly cert: string;
  issue(name: string, options?: IssueOptions): Issued;
  revoke(certFile: string): void;
  /** A list of revoked certificates, out of date when `to` (days from now) is negative. */
  crl(name: string, to?: number): { readonly file: string; readonly pem: string };
}

const DAY_MS = 86_400_000;

function stamp(days: number): string {
  const text = new Date(Date.now() + days * DAY_MS).toISOString();
  return text.replace(/[-:T]/g, '').replace(/\.\d+/, '');
}

export function createAuthority(folder: string, commonName = 'test authority'): Authority {
  mkdirSync(join(folder, 'new'), { recursive: true });
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  writeFileSync(at('index.txt'), '');
  writeFileSync(at('crlnumber'), '01\n');
  writeFileSync(
    at('ca.cnf'),
    `[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\nnew_certs_dir=new\nrand_serial=yes\ncrlnumber=crlnumber\ndefault_md=sha256\npolicy=p\nunique_subject=no\ncertificate=ca.pem\nprivate_key=ca.key\n[p]\ncommonName=optional\norganizationName=optional\n`,
  );
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '365',
    '-subj',
    `/CN=${commonName}`,
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  return {
    certFile: at('ca.pem'),
    cert: readFileSync(at('ca.pem'), 'utf8'),
    issue(name, { subject = `/CN=${name}`, altNames, usage = 'serverAuth', from = -1, to = 90 } = {}) {
      openssl('req', '-new', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
      const extensions = ['basicConstraints=CA:FALSE', `extendedKeyUsage=${usage}`];
      if (altNames !== undefined) extensions.push(`subjectAltName=${altNames}`);
      writeFileSync(at(`${name}.ext`), `${extensions.join('\n')}\n`);
      openssl(
        'ca',
        '-batch',
        '-notext',
        '-config',
        'ca.cnf',
        '-in',
        `${name}.csr`,
        '-out',
        `${name}.pem`,
        '-extfile',
        `${name}.ext`,
        '-startdate',
        stamp(from),
        '-enddate',
        stamp(to),
      );
      return {
        certFile: at(`${name}.pem`),
        keyFile: at(`${name}.key`),
        cert: readFileSync(at(`${name}.pem`), 'utf8'),
        key: readFileSync(at(`${name}.key`), 'utf8'),
      };
    },
    revoke(certFile) {
      openssl('ca', '-config', 'ca.cnf', '-revoke', certFile);
    },
    crl(name, to = 30) {
      openssl(
        'ca',
        '-config',
        'ca.cnf',
        '-gencrl',
        '-out',
        `${name}.crl`,
        '-crl_lastupdate',
        stamp(to < 0 ? to - 30 : -1),
        '-crl_nextupdate',
        stamp(to),
      );
      return { file: at(`${name}.crl`), pem: readFileSync(at(`${name}.crl`), 'utf8') };
    },
  };
}
