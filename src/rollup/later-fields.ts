import type { Dictionary } from '../columns/dictionary.ts';
import type { FlowBatch } from '../columns/flow-batch.ts';
import { ENCRYPTION } from '../columns/session-batch.ts';

/** Fields of later versions that connections are rebuilt with: dictionary codes by row; undefined: the log does not have the field. */
export interface LaterFields {
  readonly srcServices: Uint32Array | undefined;
  readonly dstServices: Uint32Array | undefined;
  readonly encryptionStatuses: Uint32Array | undefined;
  readonly names: Dictionary;
  /** The {@link ENCRYPTION} bit of a code of `encryption-status`; 0 for `-` and what AWS may add. */
  encryptionOf(code: number): number;
}

const BITS: ReadonlyMap<string, number> = new Map([
  ['0', ENCRYPTION.none],
  ['1', ENCRYPTION.nitro],
  ['2', ENCRYPTION.application],
  ['3', ENCRYPTION.both],
]);

export function laterFields(batch: FlowBatch, names: Dictionary): LaterFields {
  const column = (field: string): Uint32Array | undefined => batch.extra[batch.layout.extra.indexOf(field)];
  // There are four values, and they come in runs.
  let last = 0;
  let bits = 0;
  return {
    srcServices: column('pkt-src-aws-service'),
    dstServices: column('pkt-dst-aws-service'),
    encryptionStatuses: column('encryption-status'),
    names,
    encryptionOf(code) {
      if (code !== last) {
        last = code;
        bits = BITS.get(names.text(code)) ?? 0;
      }
      return bits;
    },
  };
}
