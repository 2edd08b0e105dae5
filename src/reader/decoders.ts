import type { createMessageDecoder } from '../decode.ts';

type MessageDecoder = ReturnType<typeof createMessageDecoder>;

/** Decoders of streams, each with what it learnt of its stream's format. */
export interface Decoders {
  readonly size: number;
  /** The stream's own, made when there is none; what is `last` of a stream is not remembered. */
  of(stream: string, make: () => MessageDecoder, last: boolean): MessageDecoder;
  /** The stream has ended. */
  forget(stream: string): void;
}

/** Remembers `most` streams; the one that was silent longest is forgotten first. */
export function createDecoders(most: number): Decoders {
  const decoders = new Map<string, MessageDecoder>();
  return {
    get size() {
      return decoders.size;
    },
    of(stream, make, last) {
      const decoder = decoders.get(stream) ?? make();
      decoders.delete(stream);
      if (!last) decoders.set(stream, decoder);
      if (decoders.size > most) decoders.delete(decoders.keys().next().value!);
      return decoder;
    },
    forget: (stream) => void decoders.delete(stream),
  };
}
