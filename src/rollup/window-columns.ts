import type { WindowBatch } from '../columns/session-batch.ts';

/** The columns of a closed window. */
export type WindowColumns = Omit<WindowBatch, 'start' | 'size' | 'key' | 'length'>;

/** Columns with room for so many rows. */
export function windowColumns(rows: number): WindowColumns {
  const f64 = (): Float64Array => new Float64Array(rows);
  const u32 = (width = 1): Uint32Array => new Uint32Array(rows * width);
  return {
    subject: u32(4),
    peer: u32(4),
    peerScope: new Uint8Array(rows),
    bytesOut: f64(),
    bytesIn: f64(),
    packetsOut: f64(),
    packetsIn: f64(),
    sessionsOut: u32(),
    sessionsIn: u32(),
    rejects: u32(),
    distinctPeers: f64(),
    distinctPorts: f64(),
  };
}
