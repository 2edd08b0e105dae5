import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { Message } from '../message.ts';
import type { Outcome, Sink, SinkTraits } from '../sink.ts';
import { SinkCommon } from '../sink-options.ts';

/** A file that grows by a line for each alert that opens, gets worse or resolves. */
export const FileSinkOptions = z.strictObject({
  type: z.literal('file').describe('JSON Lines: an alert a line when it opens, gets worse or resolves'),
  ...SinkCommon.shape,
  path: z.string().min(1).describe('File that is appended to; it can be moved away at any time'),
});
export type FileSinkOptions = z.infer<typeof FileSinkOptions>;

/** Standard output in the same form. */
export const StdoutSinkOptions = z.strictObject({
  type: z.literal('stdout').describe('JSON Lines on standard output'),
  ...SinkCommon.shape,
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

export async function openFileSink({ path }: FileSinkOptions): Promise<Sink> {
  const append = async (text: string): Promise<void> => {
    const file = await open(path, 'a', 0o640);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  };
  return lines(append, `written to ${path}`);
}

export async function openStdout(): Promise<Sink> {
  const write = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  return lines(write, 'written to standard output');
}

/** `key` is that of the message: who finds a line twice finds the key twice. */
function lines(write: (text: string) => Promise<void>, answer: string): Sink {
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

function linesOf({ alerts, key, dropped, test }: Message): string {
  const rows: object[] = alerts.map((alert) => ({ ...alert, key, ...(test === true ? { test } : {}) }));
  if (dropped.length > 0) rows.push({ key, dropped });
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}
