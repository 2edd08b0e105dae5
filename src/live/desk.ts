import type { Alert } from '../contracts.ts';
import { Command, carryOut } from '../send/commands.ts';
import type { Sender } from '../send/sender.ts';
import { publishOutbox } from '../store/outbox-file.ts';
import { finishCommand, type Result, type Spooled, spooledCommands } from '../store/spool.ts';

export interface DeskOptions {
  readonly data: string;
  readonly sender: Sender;
  /** The alert as it is now, when somebody should see it. */
  alertOf(id: string): Alert | undefined;
  /** Whether there is such an alert, in the shadow or not. */
  hasAlert(id: string): boolean;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Milliseconds between two looks at what people want, and between two pictures of the outbox. */
const LOOK_MS = 500;

/**
 * Where people and the delivery of alerts meet: carries out the commands that wait in the data folder, and keeps a picture of the outbox there. A
 * command goes when what it did is durable; after a crash in between it is carried out again.
 */
export async function openDesk({
  data,
  sender,
  alertOf,
  hasAlert,
  log,
}: DeskOptions): Promise<AsyncDisposable> {
  let shown = -1;
  let turn: Promise<void> | undefined;

  /** Told once, not at every look. */
  let unreadable = '';
  async function waiting(): Promise<Spooled[]> {
    try {
      const found = await spooledCommands(data);
      unreadable = '';
      return found;
    } catch (error) {
      const { message } = error as Error;
      if (message !== unreadable) log('warn', 'commands that people leave cannot be read', { error });
      unreadable = message;
      return [];
    }
  }

  async function look(): Promise<void> {
    for (const { name, text } of await waiting()) {
      let result: Result;
      try {
        const command = Command.parse(JSON.parse(text));
        result = { done: true, said: carryOut(command, sender, { alertOf, hasAlert }, Date.now()) };
        log('info', 'a command was carried out', { ...command, said: result.said });
      } catch (error) {
        result = { done: false, said: (error as Error).message };
        log('warn', 'a command is not carried out', { name, said: result.said });
      }
      await sender.flush();
      await finishCommand(data, name, result);
    }
    const { revision } = sender;
    if (revision === shown) return;
    await publishOutbox(data, sender.outbox());
    shown = revision;
  }

  const run = (): Promise<void> => {
    turn ??= look()
      .catch((error: unknown) => log('warn', 'the outbox cannot be shown', { error }))
      .finally(() => {
        turn = undefined;
      });
    return turn;
  };
  await run();
  const timer = setInterval(() => void run(), LOOK_MS);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await turn;
      await run();
    },
  };
}
