import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';

/**
 * Asks a process of its own, which lives for this one answer: what it takes of memory goes with it. Rejects when it fails, or `signal` aborts;
 * the process is gone then. `what` it does is said when it gives no reason.
 */
export async function askChild<Answer>(
  file: string,
  task: object,
  what: string,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const child = fork(file, {
    execArgv: [],
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, UV_THREADPOOL_SIZE: '4' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const stop = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', stop, { once: true });
  let answer: { readonly is: Answer } | undefined;
  let said = '';
  child.on('message', (message) => {
    answer = { is: message as Answer };
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  child.send(task, (error) => {
    if (error !== null) said ||= error.message;
  });
  const [code, end] = await once(child, 'close');
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (answer !== undefined) return answer.is;
  throw new Error(said.trim().split('\n')[0] || `${what} ended with ${code ?? end}`);
}

/** In that process: answers and ends. Whoever asked needs the cores more; when they are gone, so is this. */
export function answerParent<Task>(work: (task: Task) => Promise<object>): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it.
  }
  // An exit would wait for the database, and that may wait for an answer of this thread: for ever.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.once('message', async (task: Task) => {
    try {
      process.send?.(await work(task), () => process.exit(0));
    } catch (error) {
      process.stderr.write((error as Error).message, () => process.exit(1));
    }
  });
}
