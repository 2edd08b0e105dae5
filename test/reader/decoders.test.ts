import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { createFlowBatch } from '../../src/columns/flow-batch.ts';
import { createMessageDecoder } from '../../src/decode.ts';
import { createDecoders } from '../../src/reader/decoders.ts';

const make = () => ({}) as ReturnType<typeof createMessageDecoder>;

describe('decoders of streams', () => {
  it('are kept from one delivery to the next', () => {
    const decoders = createDecoders(2);
    const first = decoders.of('a', make, false);
    expect(decoders.of('a', make, false)).toBe(first);
    expect(decoders.of('a', make, true)).toBe(first);
    expect(decoders.size).toBe(0);
  });

  it('go with their stream, also when its end brings nothing', () => {
    const decoders = createDecoders(2);
    decoders.of('a', make, false);
    decoders.forget('a');
    expect(decoders.size).toBe(0);
  });

  it('are as many as they may be: the one that was silent longest goes', () => {
    const decoders = createDecoders(2);
    const first = decoders.of('a', make, false);
    const second = decoders.of('b', make, false);
    decoders.of('a', make, false);
    decoders.of('c', make, false);
    expect(decoders.size).toBe(2);
    expect(decoders.of('a', make, false)).toBe(first);
    expect(decoders.of('b', make, false)).not.toBe(second);
  });
});

describe('the decoder of a stream', () => {
  it('keeps no message, however long nothing follows', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const decoder = createMessageDecoder({
      ...{
        source: 's',
        names: new Dictionary(),
        batchRows: 16,
        skip: 0,
        format: 'srcaddr dstaddr bytes start end',
      },
      ...{ newBatch: createFlowBatch, warn() {} },
    });
    const read = (): WeakRef<Uint8Array> => {
      const message = Buffer.from('10.0.0.1 10.0.0.2 5 1767571200 1767571201\n'.repeat(1000));
      decoder.read(message, 0);
      return new WeakRef(message);
    };
    const message = read();
    expect(decoder.take().reduce((sum, { received }) => sum + received, 0)).toBe(1000);
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(message.deref()).toBeUndefined();
  });
});
