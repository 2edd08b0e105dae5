import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from './replace-file.ts';

const OUTBOX = 'outbox.json';

/** Shows what the delivery of alerts has, to commands that cannot open the state. It is a picture: the state is what counts. */
export async function publishOutbox(dataDir: string, outbox: object): Promise<void> {
  await replaceFile(dataDir, OUTBOX, JSON.stringify(outbox));
}

/** What was shown last; undefined when nothing ever was. */
export async function readOutbox(dataDir: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(dataDir, OUTBOX), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
