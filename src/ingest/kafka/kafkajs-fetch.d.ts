declare module 'kafkajs/src/protocol/requests/fetch/index.js' {
  /** The versions of the request; only for the client's own look-up. */
  const definition: unknown;
  export = definition;
}
