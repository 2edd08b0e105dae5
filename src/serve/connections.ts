import type { Socket } from 'node:net';
import { callerOf } from './callers.ts';

export interface ConnectionLimits {
  readonly maxConnectionsPerAddress: number;
  /** Seconds. */
  readonly maxConnectionSeconds: number;
  /** Seconds that a request has beyond that. */
  readonly requestSeconds: number;
}

/** What is known of a connection that requests come over. */
export interface Connection {
  /** Whether it may take another request after this one. */
  readonly mayStay: boolean;
  readonly busy: boolean;
  /** A request began; call what is returned when its answer is sent or given up. */
  begin(): () => void;
}

export interface Connections {
  readonly open: number;
  /** A new connection, before any handshake; false when its caller has too many, and then it is gone. */
  admit(socket: Socket): boolean;
  /** The handshake is done: requests may come over it. `socket` is the one that requests will name. */
  ready(socket: Socket): void;
  of(socket: Socket): Connection | undefined;
  /** Ends connections as they become idle. */
  drain(): void;
  /** Ends what there is, whatever it does. */
  destroy(): void;
  stop(): void;
}

const SWEEP_MS = 1000;

/** Counts connections by caller and ends old ones, so that who holds one without using it, or was revoked since, is gone after a while. */
export function createConnections(limits: ConnectionLimits): Connections {
  const raw = new Set<Socket>();
  const counts = new Map<string, number>();
  const ready = new Map<Socket, { since: number; busy: number }>();
  let draining = false;

  const sweep = setInterval(() => {
    const { maxConnectionSeconds, requestSeconds } = limits;
    for (const [socket, { since, busy }] of ready) {
      const age = (performance.now() - since) / 1000;
      if (age > maxConnectionSeconds + (busy > 0 ? requestSeconds : 0)) socket.destroy();
    }
  }, SWEEP_MS);
  sweep.unref();

  return {
    get open() {
      return raw.size;
    },
    admit(socket) {
      const caller = callerOf(socket.remoteAddress ?? '');
      const count = (counts.get(caller) ?? 0) + 1;
      if (count > limits.maxConnectionsPerAddress) {
        socket.destroy();
        return false;
      }
      counts.set(caller, count);
      raw.add(socket);
      socket.once('close', () => {
        raw.delete(socket);
        const left = (counts.get(caller) ?? 1) - 1;
        if (left > 0) counts.set(caller, left);
        else counts.delete(caller);
      });
      return true;
    },
    ready(socket) {
      ready.set(socket, { since: performance.now(), busy: 0 });
      socket.once('close', () => ready.delete(socket));
      if (draining) socket.destroy();
    },
    of(socket) {
      const state = ready.get(socket);
      if (state === undefined) return undefined;
      const mayStay = () =>
        !draining && (performance.now() - state.since) / 1000 <= limits.maxConnectionSeconds;
      return {
        get mayStay() {
          return mayStay();
        },
        get busy() {
          return state.busy > 0;
        },
        begin() {
          state.busy++;
          return () => {
            state.busy--;
            if (state.busy === 0 && !mayStay()) socket.destroySoon();
          };
        },
      };
    },
    drain() {
      draining = true;
      for (const [socket, { busy }] of ready) if (busy === 0) socket.destroySoon();
    },
    destroy() {
      for (const socket of raw) socket.destroy();
    },
    stop() {
      clearInterval(sweep);
    },
  };
}
