import { open } from 'node:fs/promises';
import { inspect } from 'node:util';
import { z } from 'zod';
import { UserError } from '../errors.ts';

/** Where a secret is. It is never in the configuration itself. */
export const SecretReference = z.union([
  z.strictObject({
    file: z
      .string()
      .min(1)
      .describe(
        'File with the secret, which nobody else may read (mode 0600); line ends around it do not count',
      ),
  }),
  z.strictObject({ env: z.string().min(1).describe('Variable of the environment with the secret') }),
]);
export type SecretReference = z.infer<typeof SecretReference>;

const SHOWN = '[secret]';
/** Longer ones are wrong files: the longest in use are tokens of some kilobytes. */
const MAX_LENGTH = 65_536;

/** A text that shows itself only to whom asks for it by name: logs, errors and JSON have `[secret]`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

/** The secret itself; `what` names it in errors. Throws a UserError when there is none. */
export async function readSecret(reference: SecretReference, what: string): Promise<Secret> {
  const place = 'file' in reference ? reference.file : `the variable ${reference.env}`;
  let text: string | undefined;
  try {
    text = 'file' in reference ? await readPrivate(reference.file) : process.env[reference.env];
  } catch (error) {
    throw new UserError(`cannot read ${what}: ${(error as Error).message}`, { cause: error });
  }
  text = text?.trim() ?? '';
  if (text === '' || text.length > MAX_LENGTH)
    throw new UserError(`cannot read ${what}: ${place} holds ${text === '' ? 'none' : 'more than one'}`);
  return new Secret(text);
}

/**
 * Text of a file that others cannot read. Throws an Error that says what is wrong with it. A group may where the file is root's and we are not, which is how Kubernetes hands secrets to a
 * process without rights.
 */
export async function readPrivate(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { mode, uid } = await file.stat();
    const isHandedDown = uid === 0 && process.getuid?.() !== 0;
    const open = mode & (isHandedDown ? 0o037 : 0o077);
    if (open !== 0)
      throw new Error(
        `${path} has mode ${(mode & 0o777).toString(8).padStart(4, '0')}: others can read it; chmod 600 it`,
      );
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
