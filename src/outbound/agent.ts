import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { dial } from './connect.ts';
import type { ClientTls } from './tls.ts';

/** Milliseconds an unused connection is kept: what its certificate proved, and what revoked it, must not get old. */
const KEEP_MS = 60_000;
const MAX_SOCKETS = 32;

/** Makes connections for `https:` addresses. A session is never taken up again: that would skip the certificate. */
export function createHttpsAgent(tls: ClientTls): HttpsAgent {
  const agent = new HttpsAgent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    timeout: KEEP_MS,
    maxCachedSessions: 0,
  });
  agent.createConnection = ({ host, port }) => dial({ host: host ?? '', port: Number(port), tls });
  return agent;
}

/** Makes connections for `http:` addresses, which only this machine may have. */
export function createHttpAgent(): HttpAgent {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, timeout: KEEP_MS });
  agent.createConnection = ({ host, port }) => dial({ host: host ?? '', port: Number(port) });
  return agent;
}
