import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { UserError } from '../errors.ts';
import { jsonOption } from './options.ts';
import { note, print, toJson } from './terminal.ts';

const EXAMPLES = `
Reads JSON or JSON Lines as webhooks, files, topics and mails have them, or any text with what is encrypted in it, such as a line of syslog or
what is copied from Slack. Prints JSON Lines: each alert with what was encrypted back in its place.

Examples:
  flowsentry decrypt alerts.json --key soc.key
  tail -n 1 alerts.jsonl | flowsentry decrypt --key soc.key | jq .title

Make a pair of keys:
  (umask 077 && openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out soc.key)
  openssl pkey -in soc.key -pubout -out soc.pem`;

export function addDecrypt(program: Command): void {
  program
    .command('decrypt')
    .summary('read alerts that were encrypted to you')
    .description('Reads what a sink with encrypt: was told, with the private key that it was encrypted to.')
    .argument('[file]', 'file to read; without it standard input')
    .addOption(
      new Option(
        '--key <file>',
        'file with the private key (PEM or JWK, mode 0600); several times while one key replaces another',
      )
        .argParser((file: string, others: readonly string[] = []) => [...others, file])
        .makeOptionMandatory(),
    )
    .addOption(jsonOption('as it is anyway'))
    .addHelpText('after', EXAMPLES)
    .action(decryptAll);
}

/** Reads one JWE: what it holds. */
type Reader = (jwe: string) => Promise<unknown>;

async function decryptAll(
  file: string | undefined,
  { key: files }: { readonly key: readonly string[] },
): Promise<void> {
  const [{ decrypt, isCompactJwe, readPrivateKey }, { readSecret }] = await Promise.all([
    import('../send/encryption/jwe.ts'),
    import('../outbound/secret.ts'),
  ]);
  const keys = await Promise.all(
    files.map(async (path) =>
      readPrivateKey((await readSecret({ file: path }, 'the private key')).reveal(), path),
    ),
  );
  const input = await readInput(file);
  let found = 0;
  const failures: string[] = [];
  const read: Reader = async (jwe) => {
    found++;
    try {
      return JSON.parse(await decrypt(jwe, keys)) as unknown;
    } catch (error) {
      failures.push((error as Error).message);
      return undefined;
    }
  };
  for (const value of valuesOf(input)) print(toJson(await opened(value, isCompactJwe, read)));
  for (const failure of new Set(failures)) note(failure);
  if (found === 0) throw new UserError('cannot decrypt: nothing in it is encrypted');
  if (failures.length > 0) throw new UserError(`${failures.length} of ${found} could not be decrypted`);
}

async function readInput(file: string | undefined): Promise<string> {
  if (file === undefined) return readAll(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}

const JWE = /eyJ[\w-]*(?:\.[\w-]*){4}/g;

/** One JSON value, or one on each line; of other lines what looks encrypted. */
function valuesOf(text: string): unknown[] {
  const whole = parsed(text);
  if (whole !== undefined) return Array.isArray(whole) ? whole : [whole];
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const value = parsed(line);
      return value === undefined ? [...line.matchAll(JWE)].map(([jwe]) => jwe) : [value];
    });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A value with everything that could be read in its place. */
async function opened(value: unknown, isJwe: (text: string) => boolean, read: Reader): Promise<unknown> {
  if (typeof value === 'string') return isJwe(value) ? ((await read(value)) ?? value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((one) => opened(one, isJwe, read)));
  const { encrypted, ...rest } = value as Record<string, unknown>;
  const entries = await Promise.all(
    Object.entries(rest).map(async ([name, one]) => [name, await opened(one, isJwe, read)] as const),
  );
  const open: Record<string, unknown> = Object.fromEntries(entries);
  if (encrypted === undefined) return open;
  const hidden = typeof encrypted === 'string' && isJwe(encrypted) ? await read(encrypted) : undefined;
  if (typeof hidden !== 'object' || hidden === null) return { ...open, encrypted };
  const more = hidden as Record<string, unknown>;
  return { ...open, ...more, ...merged('explanation', open, more) };
}

/** An object of both, when either has it. */
function merged(
  name: string,
  a: Record<string, unknown>,
  b: Record<string, unknown>,
): Record<string, unknown> {
  const parts = [a[name], b[name]].filter((part) => typeof part === 'object' && part !== null);
  return parts.length === 0 ? {} : { [name]: Object.assign({}, ...parts) as unknown };
}
