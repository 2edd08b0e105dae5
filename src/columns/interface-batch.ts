/**
 * The network interfaces whose records one closed 60 s step has, as columns, a row an interface. Records that came too late for the step
 * are not among them. The order of rows is unspecified.
 */
export interface InterfaceBatch {
  length: number;
  readonly capacity: number;
  /** Dictionary codes; interface 0: the records name none. */
  readonly interfaceId: Uint32Array;
  /** 0: its records name none. An interface has one account. */
  readonly accountId: Uint32Array;
  /** Records of any log-status, and those with NODATA and SKIPDATA among them. */
  readonly records: Uint32Array;
  readonly noData: Uint32Array;
  readonly skipData: Uint32Array;
  /** Fields that some record with data had: bits of `PRESENT`, or-ed. */
  readonly present: Uint32Array;
}

export function createInterfaceBatch(capacity: number): InterfaceBatch {
  const u32 = (): Uint32Array => new Uint32Array(capacity);
  return {
    length: 0,
    capacity,
    interfaceId: u32(),
    accountId: u32(),
    records: u32(),
    noData: u32(),
    skipData: u32(),
    present: u32(),
  };
}
