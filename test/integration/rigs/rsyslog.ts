import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../cli/service.ts';
import type { Issued } from './certificates.ts';
import { librariesIn, unpackDebian } from './debian.ts';

/** A line as rsyslog took it apart. */
export interface SyslogLine {
  readonly msg: string;
  readonly hostname: string;
  readonly msgid: string;
  readonly 'app-name': string;
  readonly 'structured-data': string;
  readonly syslogfacility: string;
  readonly syslogseverity: string;
  readonly timereported: string;
}

/** Debian's rsyslog on loopback, over TLS, with certificates on both sides. */
export interface Rsyslog {
  readonly port: number;
  lines(): SyslogLine[];
  /** What it complains of. */
  complaints(): string;
  stop(): Promise<void>;
}

/** Starts it with nothing in `folder`; it lets in whoever the authority of `caFile` has certified. */
export async function startRsyslog(
  folder: string,
  caFile: string,
  { certFile, keyFile }: Issued,
): Promise<Rsyslog> {
  const root = unpackDebian('rsyslog', 'rsyslog-openssl');
  const libraries = librariesIn(root);
  const at = (name: string) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  writeFileSync(
    at('rsyslog.conf'),
    `global(workDirectory="${folder}" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="${caFile}" defaultNetstreamDriverCertFile="${certFile}" defaultNetstreamDriverKeyFile="${keyFile}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="all" type="string" string="%jsonmesg%\\n")
if $inputname == "imtcp" then action(type="omfile" file="${at('lines')}" template="all")
else action(type="omfile" file="${at('complaints')}")
`,
  );
  const child = spawn(
    join(root, 'usr/sbin/rsyslogd'),
    ['-n', '-f', at('rsyslog.conf'), '-i', at('pid'), '-M', join(libraries, 'rsyslog')],
    { stdio: 'ignore', env: { PATH: process.env.PATH, LD_LIBRARY_PATH: libraries } },
  );
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  while (!(await isOpen(port))) {
    if (child.exitCode !== null) throw new Error(`rsyslog ended with ${child.exitCode}`);
    await sleep(50);
  }
  const read = (name: string) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : '');
  return {
    port,
    lines: () =>
      read('lines')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as SyslogLine),
    complaints: () => read('complaints'),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.on('connect', end(true)).on('error', end(false));
  });
}
