import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll } from 'vitest';

/** An endpoint on loopback that takes connections and never answers; it goes away with the test file. */
export async function silentEndpoint() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => {}).resume()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Connections since the start. */
    connections: () => sockets.length,
    /** The next connection is there. */
    async connected(): Promise<void> {
      await once(server, 'connection');
    },
  };
}
