import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lists, startRun } from '../cli/service.ts';
import { type Outcome, outcomeOf } from './kills.ts';
import { ONE_THREAD } from './rigs/strace.ts';

const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05, lateness: 1m}';
/** Records between two checkpoints, and checkpoints that a run has at least. */
const PART = 2000;
const PARTS = 3;

/** A service that is given records in parts, each when the one before is durable. */
export interface ShortRun {
  readonly data: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Brings what it was not given, to a service that nothing happens to, and tells what the folder has then. */
  finish(): Promise<Outcome>;
}

/** `root`: a folder of this run alone. */
export async function shortRun(
  root: string,
  lines: readonly string[],
  prefix: readonly string[] = [],
): Promise<ShortRun> {
  mkdirSync(join(root, 'logs'), { recursive: true });
  const log = join(root, 'logs', 'now.log');
  let given = 0;
  const give = (to: number): void => {
    if (to > given) appendFileSync(log, `${lines.slice(given, to).join('\n')}\n`);
    given = to;
  };
  const service = startRun(root, SOURCE, '', ONE_THREAD, '0.1s', prefix);
  const { child, data } = service;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const failures = () =>
    service.logged().filter(({ message }) => String(message).startsWith('a failure:')).length;
  const received = () =>
    Number(service.logged().findLast(({ message }) => message === 'checkpoint written')?.received ?? 0);
  const parts = Math.max(PARTS, Math.ceil(lines.length / PART));
  for (let part = 1; part <= parts && !hasEnded(); part++) {
    give(Math.floor((part * lines.length) / parts));
    for (let waited = 0; received() < given && !hasEnded(); waited += 10) {
      // It goes on trying where the disk fails for ever.
      if (waited > 2000 && failures() > 1) break;
      // What failed after the commit is durable already: nothing is left of which a checkpoint would tell.
      if (waited > 5000 && failures() === 1) break;
      if (waited > 60_000)
        throw new Error(`it does not go on: ${JSON.stringify(service.logged().slice(-5))}`);
      await sleep(10);
    }
  }
  child.kill('SIGTERM');
  await service.ended;
  return {
    ...{ data, code: child.exitCode, signal: child.signalCode, stderr: service.stderr() },
    pid: child.pid ?? 0,
    async finish() {
      const again = startRun(root, SOURCE, '', {}, '0.1s');
      give(lines.length);
      await again.saying('running');
      await Promise.race([lists(data, lines.length), again.ended]);
      const code = await again.stop();
      if (code !== 0)
        throw new Error(`the next start ended with ${code}: ${JSON.stringify(again.logged().slice(-3))}`);
      return outcomeOf(data);
    },
  };
}
