import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { SERVER } from './receiver.ts';

/** What it does with a connection instead of reading; it may hang up after so many octets. */
export type Behaviour = ((socket: Socket) => void) | undefined;

/** A syslog server on loopback that counts octets as RFC 5425 says. */
export async function startSyslogServer(mutual = false) {
  const received: { readonly raw: string }[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let behaviour: Behaviour;
  const server = createServer({ ...SERVER, requestCert: mutual, rejectUnauthorized: mutual }, (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (behaviour !== undefined) return behaviour(socket);
    let bytes: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const space = bytes.indexOf(0x20);
        if (space < 0) return;
        const count = bytes.toString('latin1', 0, space);
        if (!/^[1-9]\d*$/.test(count)) throw new Error(`not a count of octets: ${count}`);
        const end = space + 1 + Number(count);
        if (bytes.length < end) return;
        received.push({ raw: bytes.toString('utf8', space + 1, end) });
        bytes = bytes.subarray(end);
      }
    });
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hangUp = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    received,
    connections: () => connections,
    hangUp,
    behave(next: Behaviour) {
      // A kept connection has to meet the new behaviour.
      hangUp();
      behaviour = next;
    },
    async close() {
      hangUp();
      server.close();
      await once(server, 'close');
    },
  };
}
