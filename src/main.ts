import { CommanderError } from 'commander';
import { listenForInterrupts } from './cli/interrupt.ts';
import { createProgram } from './cli/program.ts';
import { EXIT, originOf, UserError } from './errors.ts';

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.error);
});
listenForInterrupts();

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = report(originOf(error));
}

function report(error: unknown): number {
  // Commander has printed its message or the help already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UserError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return EXIT.error;
}
