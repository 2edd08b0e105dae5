import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDurable } from './history/segment-file.ts';

/** Puts a text in the place of a file of the data folder, durably: readers see the old one or the new one, never a part. */
export async function replaceFile(dataDir: string, name: string, text: string): Promise<void> {
  const staged = join(dataDir, `${name}.new`);
  const file = await open(staged, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(staged, join(dataDir, name));
  await makeDurable(dataDir);
}
