import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { Message } from '../message.ts';
import { RecordFormat, recordsOf } from '../records/records.ts';
import type { Outcome, Sink, SinkTraits } from '../sink.ts';
import { SinkCommon } from '../sink-options.ts';

/** A file that grows by a line for each alert that opens, gets worse or resolves. */
export const FileSinkOptions = z.strictObject({
  type: z.literal('file').describe('JSON Lines: an alert a line when it opens, gets worse or resolves'),
  ...SinkCommon.shape,
  path: z.string().min(1).describe('File that is appended to; it can be moved away at any time'),
  format: RecordFormat,
});
export type FileSinkOptions = z.infer<typeof FileSinkOptions>;

/** Standard output in the same form. */
export const StdoutSinkOptions = z.strictObject({
  type: z.literal('stdout').describe('JSON Lines on standard output'),
  ...SinkCommon.shape,
  format: RecordFormat,
});
export type StdoutSinkOptions = z.infer<typeof StdoutSinkOptions>;

const TRAITS: SinkTraits = {
  unit: 'batch',
  rate: Number.POSITIVE_INFINITY,
  folds: false,
  repeats: false,
  acknowledges: false,
  concurrency: 1,
};

export async function openFileSink({ path, format }: FileSinkOptions, console?: string): Promise<Sink> {
  const append = async (text: string): Promise<void> => {
    const file = await open(path, 'a', 0o640);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  };
  return lines(append, format, `written to ${path}`, console);
}

export async function openStdout({ format }: StdoutSinkOptions, console?: string): Promise<Sink> {
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  return lines(write, format, 'written to standard output', console);
}

/** Who finds a line twice finds the key of its message twice. */
function lines(
  write: (text: string) => Promise<void>,
  format: RecordFormat,
  answer: string,
  console: string | undefined,
): Sink {
  const linesOf = (message: Message): string =>
    recordsOf(message, format, { console })
      .map(({ text }) => `${text}\n`)
      .join('');
  return {
    traits: TRAITS,
    preview: linesOf,
    async deliver(message): Promise<Outcome> {
      try {
        await write(linesOf(message));
        return { delivered: true, answer };
      } catch (error) {
        return { delivered: false, reason: 'unavailable', detail: (error as Error).message };
      }
    },
    close() {},
  };
}
