import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { UserError } from '../errors.ts';
import type { Command } from '../send/commands.ts';
import type { Outbox } from '../send/sender.ts';
import { note } from './terminal.ts';

/** Milliseconds that a service at work needs at most to carry a command out, and between two looks. */
const PATIENCE_MS = 5000;
const LOOK_MS = 50;

/** `--by NAME`: who says it. */
export function byOption(): Option {
  return new Option('--by <name>', 'who says so').default(ownName(), 'you');
}

/** Name of whoever runs this; the number of a user without a name, as in a container. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

/**
 * Hands a command to the service that holds the data folder: at once when it runs, else when it runs next. Throws a UserError when the service
 * does not do it.
 */
export async function tellService(data: string, command: Command): Promise<void> {
  const { resultOf, spoolCommand } = await import('../store/spool.ts');
  let name: string;
  try {
    name = await spoolCommand(data, command);
  } catch (error) {
    throw new UserError(`cannot leave a command in ${data}: ${(error as Error).message}`, { cause: error });
  }
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
    const result = await resultOf(data, name);
    if (result?.done === false) throw new UserError(`cannot ${command.do}: ${result.said}`);
    if (result !== undefined) return note(result.said);
    await sleep(LOOK_MS);
  }
  note(`no service answers: it is done when \`flowsentry run\` runs with ${data} next`);
}

/** What the service shows of its outbox. Throws a UserError when none ever did. */
export async function readShownOutbox(data: string): Promise<Outbox> {
  const { readOutbox } = await import('../store/outbox-file.ts');
  const outbox = await readOutbox(data);
  if (outbox === undefined)
    throw new UserError(`cannot show the outbox of ${data}: \`flowsentry run\` has never run there`);
  return outbox as Outbox;
}
