import { UserError } from '../errors.ts';
import { parseFormat } from './format.ts';
import { type DecodedPart, type DecodeOptions, REFUSED, RowSink } from './row-sink.ts';
import { createTextDecoder } from './text.ts';

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

/** Reads messages that are whole by themselves, and keeps what it learnt of a stream's format from one to the next. */
export interface MessageDecoder {
  /** A message of lines or documents that begins at `position` of its stream. */
  read(bytes: Uint8Array, position: number): void;
  /** A message that can't be read. */
  refuse(damage: Damage, position: number): void;
  /** Everything read since the last call, which the caller now owns. */
  take(): DecodedPart[];
}

/** As {@link decodeChunks} for a stream of messages. A format that can't be understood leaves it to the content. */
export function createMessageDecoder(options: DecodeOptions): MessageDecoder {
  const sink = new RowSink(options);
  const format = options.format === undefined ? undefined : parseFormat(options.format);
  const decoder = createTextDecoder(sink, format);
  return {
    read: (bytes, position) => decoder.message(bytes, position),
    refuse: ({ damage, note }, position) => sink.reject(REFUSED[damage], position, Buffer.from(note)),
    take() {
      sink.flush();
      return sink.take();
    },
  };
}
