import { lookup } from 'node:dns';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isDenied, isLoopback } from './address-kinds.ts';
import type { ClientTls } from './tls.ts';

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /**
   * Without it nothing is encrypted, and only this machine itself is called. `later`: the protocol turns it on (STARTTLS), and until then whoever
   * asked for it says nothing that anybody may not hear.
   */
  readonly tls?: ClientTls | 'later' | undefined;
  readonly onConnect?: () => void;
}

/**
 * Opens a connection; every one of ours begins here. A name is refused when any of its addresses is denied, and again by the address that it
 * really connected to. What goes wrong is the socket's `error`.
 */
export function dial({ host, port, tls, onConnect }: DialOptions): Socket {
  const common = { host, port, lookup: checkedLookup };
  const socket =
    tls === undefined || tls === 'later'
      ? connectTcp(common, onConnect)
      : connectTls(
          {
            ...common,
            // TLS has no names that are addresses.
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ...tls.connectOptions(),
          },
          onConnect,
        );
  const refuse = (address: string): void => {
    const problem = isDenied(address)
      ? `${address} is a link-local, metadata or multicast address`
      : tls === undefined && !isLoopback(address)
        ? `${address} is not this machine, and without TLS no other is called`
        : undefined;
    if (problem !== undefined) socket.destroy(new Error(`cannot connect to ${host}: ${problem}`));
  };
  // A name goes through the lookup; an address does not.
  if (isIP(host) !== 0) refuse(host);
  socket.prependListener('connect', () => refuse(socket.remoteAddress ?? ''));
  return socket;
}

/** Resolves as usual, and refuses a name with an address that it may not connect to. */
const checkedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, []);
    const denied = addresses.find(({ address }) => isDenied(address));
    if (denied !== undefined)
      return callback(
        new Error(`${hostname} is ${denied.address}, a link-local, metadata or multicast address`),
        [],
      );
    const [first] = addresses;
    if (options.all === true || first === undefined) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};
