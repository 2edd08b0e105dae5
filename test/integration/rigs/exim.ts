import { spawn } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../cli/service.ts';
import type { Issued } from './certificates.ts';
import { librariesIn, unpackDebian } from './debian.ts';

/** Debian's exim on loopback: it takes mail over TLS, from whoever logs in, into a Maildir. */
export interface Exim {
  /** With STARTTLS, and with TLS from the first byte. */
  readonly port: number;
  readonly tlsPort: number;
  readonly user: string;
  readonly password: string;
  /** Mails that it delivered, as they lie in the Maildir. */
  mails(): string[];
  /** What it writes of itself. */
  log(): string;
  stop(): Promise<void>;
}

const USER = { name: 'flowsentry', password: 'open sesame, exim' };
const UID = 65_111;
const MAX_BYTES = 100_000;

/** Starts it with an empty spool in `folder`, which others have to be able to enter. Needs root, as mail servers do. */
export async function startExim(folder: string, { certFile, keyFile }: Issued): Promise<Exim> {
  const root = unpackDebian('exim4-daemon-light');
  const at = (name: string) => join(folder, name);
  for (const name of ['spool', 'mail']) mkdirSync(at(name), { recursive: true });
  copyFileSync(certFile, at('cert.pem'));
  copyFileSync(keyFile, at('key.pem'));
  for (const name of ['.', 'spool', 'mail', 'cert.pem', 'key.pem']) chownSync(at(name), UID, UID);
  // It runs as a user that its package would make: only its own view of the machine has one.
  const withUser = (name: string, line: string) =>
    writeFileSync(at(name), `${readFileSync(`/etc/${name}`, 'utf8')}${line}\n`);
  withUser('passwd', `Debian-exim:x:${UID}:${UID}::/nonexistent:/usr/sbin/nologin`);
  withUser('group', `Debian-exim:x:${UID}:`);
  const [port, tlsPort] = [await freePort(), await freePort()];
  writeFileSync(at('exim.conf'), configOf(folder, port, tlsPort));
  const view = 'mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/group" /etc/group';
  const child = spawn(
    'unshare',
    ['-m', 'sh', '-c', `${view}; exec "$1" -C "$0/exim.conf" -bdf`, folder, join(root, 'usr/sbin/exim4')],
    { stdio: 'ignore', env: { PATH: process.env.PATH, LD_LIBRARY_PATH: librariesIn(root) } },
  );
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const log = () => (existsSync(at('mainlog')) ? readFileSync(at('mainlog'), 'utf8') : '');
  while (!log().includes('listening for SMTP')) {
    if (child.exitCode !== null) throw new Error(`exim ended with ${child.exitCode}: ${log()}`);
    await sleep(50);
  }
  return {
    ...{ port, tlsPort, user: USER.name, password: USER.password, log },
    mails() {
      const box = at('mail/new');
      return existsSync(box)
        ? readdirSync(box)
            .sort()
            .map((name) => readFileSync(join(box, name), 'utf8'))
        : [];
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function configOf(folder: string, port: number, tlsPort: number): string {
  return `primary_hostname = localhost
daemon_smtp_ports = ${port} : ${tlsPort}
tls_on_connect_ports = ${tlsPort}
local_interfaces = 127.0.0.1
tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
spool_directory = ${folder}/spool
log_file_path = ${folder}/%slog
keep_environment =
host_lookup =
deliver_drop_privilege = true
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
message_size_limit = ${MAX_BYTES}
begin acl
check_rcpt:
  deny !encrypted = *
  deny !authenticated = *
       message = log in first
  deny local_parts = gone
       message = there is nobody of that name
  defer local_parts = greylisted
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = ${folder}/mail
  maildir_format
  create_directory
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${USER.name}}}{eq{$auth3}{${USER.password}}}}}
  server_set_id = $auth2
  server_advertise_condition = \${if def:tls_in_cipher}
`;
}
