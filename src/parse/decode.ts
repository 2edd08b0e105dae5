import { UserError } from '../errors.ts';
import { parseFormat } from './format.ts';
import { type DecodedPart, type DecodeOptions, RowSink } from './row-sink.ts';
import { createTextDecoder } from './text.ts';

export { decodeParquet } from './parquet.ts';
export type { DecodedPart, DecodeOptions } from './row-sink.ts';

/** What a source yields last when the rest of it can't be read: what came before is kept. */
export interface Damage {
  readonly damage: 'bad-gzip';
  /** What the reader said. */
  readonly note: string;
}

/**
 * Reads the bytes of text, JSON or both (recognised by content) and yields their records in order. Never throws for what the bytes hold;
 * errors of `chunks` pass through. Chunks must stay unchanged until the next one is asked for. The result does not depend on where
 * chunks end.
 */
export async function* decodeChunks(
  chunks: AsyncIterable<Uint8Array | Damage>,
  options: DecodeOptions,
): AsyncGenerator<DecodedPart> {
  const format = options.format === undefined ? undefined : parseFormat(options.format);
  if (options.format !== undefined && format === undefined)
    throw new UserError(
      `cannot use format ${JSON.stringify(options.format)}: write AWS's '\${version} \${account-id} …' or a header line`,
    );
  const sink = new RowSink(options);
  const decoder = createTextDecoder(sink, format);
  let damage: Damage | undefined;
  for await (const chunk of chunks) {
    if ('damage' in chunk) {
      damage = chunk;
      break;
    }
    decoder.push(chunk);
    yield* sink.take();
  }
  if (damage === undefined) decoder.end();
  else decoder.damaged(damage);
  sink.flush();
  yield* sink.take();
}
