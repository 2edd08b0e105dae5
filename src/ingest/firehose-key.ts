import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../errors.ts';

/** Where the access key is: a file, or a variable of the environment. */
export const AccessKey = z.union([
  z.strictObject({ file: z.string().min(1).describe('File with the key; line ends around it do not count') }),
  z.strictObject({ env: z.string().min(1).describe('Variable of the environment with the key') }),
]);

/** Firehose's own limit, which also keeps a wrong file from being taken for a key. */
const MAX_KEY = 4096;

/** The key itself. Throws a UserError when there is none. */
export async function readAccessKey(reference: z.infer<typeof AccessKey>): Promise<string> {
  const place = 'file' in reference ? reference.file : `the variable ${reference.env}`;
  let key: string | undefined;
  try {
    key = 'file' in reference ? await readFile(reference.file, 'utf8') : process.env[reference.env];
  } catch (error) {
    throw new UserError(`cannot read the access key: ${(error as Error).message}`, { cause: error });
  }
  key = key?.trim() ?? '';
  if (key === '' || key.length > MAX_KEY)
    throw new UserError(
      `cannot read the access key: ${place} holds ${key === '' ? 'none' : 'more than one'}`,
    );
  return key;
}
