import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { SERVER } from './receiver.ts';

/** A mail that was taken. */
export interface ReceivedMail {
  readonly raw: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly isEncrypted: boolean;
}

/** What the server does instead of its usual reply to a command: a reply, or something with the connection. */
export type Behaviour = Readonly<Record<string, string | ((socket: Socket, line: string) => void)>>;

const CAPABILITIES = ['localhost', 'PIPELINING', 'SIZE 1000000', 'AUTH PLAIN LOGIN', '8BITMIME'];

/** An SMTP server on loopback that does what a test tells it. `GREETING`, `MAIL`, `END` (of the data) and so on name where. */
export async function startSmtpServer(security: 'tls' | 'starttls' = 'starttls') {
  const received: ReceivedMail[] = [];
  /** Every line that came, in the clear or not. */
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  let behaviour: Behaviour = {};

  function serve(socket: Socket, isEncrypted: boolean, greets: boolean): void {
    let text = '';
    let data: string | undefined;
    let from = '';
    let to: string[] = [];
    sockets.add(socket);
    const say = (command: string, usual: string, line = ''): void => {
      const other = behaviour[command];
      if (typeof other === 'function') other(socket, line);
      else if (!socket.destroyed) socket.write(`${other ?? usual}\r\n`);
    };
    const commands: Readonly<Record<string, (line: string, argument: string) => void>> = {
      EHLO(line) {
        const all = isEncrypted ? CAPABILITIES : ['localhost', 'STARTTLS'];
        const reply = all.map((one, i) => `250${i === all.length - 1 ? ' ' : '-'}${one}`);
        say('EHLO', reply.join('\r\n'), line);
      },
      STARTTLS(line) {
        say('STARTTLS', '220 go ahead', line);
        if (behaviour.STARTTLS !== undefined) return;
        socket.removeAllListeners('data');
        const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(SERVER) });
        secured.on('error', () => {});
        serve(secured, true, false);
      },
      AUTH: (line) => say('AUTH', '235 2.7.0 welcome', line),
      MAIL(line, argument) {
        from = behaviour.MAIL === undefined ? argument : '';
        to = [];
        say('MAIL', '250 2.1.0 ok', line);
      },
      RCPT(line, argument) {
        if (from !== '' && typeof behaviour.RCPT !== 'string') to.push(argument);
        say('RCPT', from === '' ? '503 5.5.1 MAIL first' : '250 2.1.5 ok', line);
      },
      DATA(line) {
        if (behaviour.DATA === undefined && to.length > 0) data = '';
        say('DATA', to.length > 0 ? '354 go on' : '554 5.5.1 nobody', line);
      },
      QUIT(line) {
        say('QUIT', '221 bye', line);
        socket.end();
      },
    };
    const take = (line: string): void => {
      lines.push(line);
      const [verb = ''] = line.toUpperCase().split(/[ :]/);
      const command = commands[verb] ?? (() => say(verb, '500 5.5.1 what?', line));
      command(line, /<([^>]*)>/.exec(line)?.[1] ?? '');
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      for (;;) {
        if (data !== undefined) {
          const end = `\r\n${text}`.indexOf('\r\n.\r\n');
          if (end < 0) return;
          const raw = text.slice(0, end).replaceAll('\r\n..', '\r\n.');
          text = text.slice(end + 3);
          data = undefined;
          if (behaviour.END === undefined) received.push({ raw, from, to, isEncrypted });
          say('END', '250 2.0.0 queued as 1', raw);
        }
        const end = text.indexOf('\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        take(line);
      }
    };
    socket.on('data', onData);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (greets) say('GREETING', '220 localhost ESMTP');
  }

  const server =
    security === 'tls'
      ? createTlsServer({ ...SERVER, noDelay: true }, (socket) => serve(socket, true, true))
      : createServer({ noDelay: true }, (socket) => serve(socket, false, true));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    received,
    lines,
    behave(next: Behaviour) {
      behaviour = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A mail as a reader has it: unfolded headers by lower-case name, decoded words and parts. */
export function readMail(raw: string) {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const headers = headersOf(head);
  const boundary = /boundary="([^"]+)"/.exec(headers['content-type'] ?? '')?.[1] ?? '';
  const parts = rest
    .join('\r\n\r\n')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [partHead = '', ...body] = part.trimStart().split('\r\n\r\n');
      const its = headersOf(partHead);
      return { headers: its, body: decoded(body.join('\r\n\r\n'), its['content-transfer-encoding']) };
    });
  return { headers, parts };
}

function headersOf(head: string): Record<string, string> {
  const found = head
    .replaceAll(/\r\n[ \t]/g, ' ')
    .split('\r\n')
    .map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), words(line.slice(at + 1).trim())];
    });
  return Object.fromEntries(found);
}

/** Encoded words of RFC 2047. */
function words(text: string): string {
  return text
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind: string, value: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(value, 'base64').toString('utf8')
        : decoded(value.replaceAll('_', ' '), 'quoted-printable'),
    );
}

function decoded(text: string, encoding = '7bit'): string {
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return text;
  const bytes = text
    .replaceAll('=\r\n', '')
    .replaceAll(/=([\dA-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
