import { gunzipSync } from 'node:zlib';
import { type FileContent, openFile } from './ingest/file.ts';
import { type DecodedPart, type DecodeOptions, decodeChunks, type MessageDecoder } from './parse/decode.ts';

export { createMessageDecoder, type DecodedPart } from './parse/decode.ts';

/** Bytes a compressed message may become: far above what any producer of flow logs sends in one. */
const MAX_MESSAGE_BYTES = 64 << 20;

/** Decodes a file of any known format, recognised by content. Throws only what the file system throws and for a format it can't read. */
export async function* decodeFile(
  path: string,
  options: DecodeOptions,
  onRead?: (bytes: number) => void,
): AsyncGenerator<DecodedPart> {
  yield* decodeContent(await openFile(path, onRead), options);
}

/** As {@link decodeFile} for a file that is open. */
export async function* decodeContent(
  content: FileContent,
  options: DecodeOptions,
): AsyncGenerator<DecodedPart> {
  if (content.kind === 'bytes') {
    yield* decodeChunks(content.chunks, options);
    return;
  }
  try {
    // Most logs are text: the modules that read Parquet are a third of what the reading thread would load.
    const { decodeParquet } = await import('./parse/parquet.ts');
    yield* decodeParquet(content.file, options);
  } finally {
    await content.close();
  }
}

/** Gives a message to the decoder, unpacked when it is a gzip file. */
export function decodeMessage(decoder: MessageDecoder, message: Uint8Array, position: number): void {
  if (message[0] !== 0x1f || message[1] !== 0x8b) {
    decoder.read(message, position);
    return;
  }
  let bytes: Uint8Array;
  try {
    bytes = gunzipSync(message, { maxOutputLength: MAX_MESSAGE_BYTES });
  } catch (error) {
    decoder.refuse({ damage: 'bad-gzip', note: (error as Error).message }, position);
    return;
  }
  decoder.read(bytes, position);
}
