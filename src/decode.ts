import { openFile } from './ingest/file.ts';
import { type DecodedPart, type DecodeOptions, decodeChunks, decodeParquet } from './parse/decode.ts';

/** Decodes a file of any known format, recognised by content. Throws only what the file system throws and for a format it can't read. */
export async function* decodeFile(
  path: string,
  options: DecodeOptions,
  onRead?: (bytes: number) => void,
): AsyncGenerator<DecodedPart> {
  const content = await openFile(path, onRead);
  if (content.kind === 'bytes') {
    yield* decodeChunks(content.chunks, options);
    return;
  }
  try {
    yield* decodeParquet(content.file, options);
  } finally {
    await content.close();
  }
}
