import { type Command, InvalidArgumentError, Option } from 'commander';
import { jsonOption } from './options.ts';
import { note, print, toJson } from './terminal.ts';

interface Options {
  readonly name: string;
  readonly role: string;
  readonly expires?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
The token is printed once and stored nowhere: the configuration holds its hash, and whoever reads that cannot come in with it. A token that
must no longer be good is taken out of the configuration.

Examples:
  flowsentry token --name prometheus
  flowsentry token --name on-call --role operator --expires 2027-01-01
  flowsentry token --name prometheus --json | jq -r .token > /etc/prometheus/flowsentry.token`;

export function addToken(program: Command): void {
  program
    .command('token')
    .summary('make a bearer token for the HTTP server')
    .description('Makes a bearer token, and the line of the configuration that lets its holder in.')
    .requiredOption('--name <name>', 'who is to hold it: named in the log', nameOf)
    .addOption(
      new Option('--role <role>', 'viewer reads, operator reads and changes, ingest only delivers records')
        // As ROLES has them: importing it here would load the schemas for every command.
        .choices(['viewer', 'operator', 'ingest'])
        .default('viewer'),
    )
    .option('--expires <when>', 'date or time (ISO 8601) from which it is refused', whenOf)
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(makeToken);
}

function nameOf(text: string): string {
  if (!/^[\w.@-]{1,100}$/.test(text))
    throw new InvalidArgumentError('It must be 1 to 100 letters, digits, dots, dashes, underscores or @.');
  return text;
}

function whenOf(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be an ISO 8601 date or time.');
  return new Date(time).toISOString();
}

async function makeToken({ json, ...options }: Options): Promise<void> {
  const { newToken } = await import('../serve/auth.ts');
  const { token, hash } = newToken();
  const entry = { ...options, hash };
  if (json === true) return print(toJson({ token, ...entry }));
  note('the token, for its holder alone; it is not shown again:');
  print(token);
  note('\nits line in the configuration:\n  serve:\n    tokens:');
  // JSON is YAML too, with every text quoted.
  print(`      - ${toJson(entry)}`);
}
