import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-child-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const module = JSON.stringify(fileURLToPath(new URL('../../src/store/child.ts', import.meta.url)));
const written = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
/** Works for ever, and so does its exit: as with a database whose threads wait for this one. */
const child = written(
  'child.mjs',
  `import { answerParent } from ${module};
process.on('exit', () => { for (;;); });
answerParent(async ({ ready }) => {
  (await import('node:fs')).writeFileSync(ready, String(process.pid));
  await new Promise(() => setInterval(() => {}, 1000));
});`,
);
const parent = written(
  'parent.mjs',
  `import { askChild } from ${module};
askChild(${JSON.stringify(child)}, { ready: process.argv[2] }, 'the work', new AbortController().signal);
process.send('asked');`,
);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

it('a process that works for another is gone when that is killed, also when it could not exit', async () => {
  const ready = join(folder, 'ready');
  const asker = fork(parent, [ready]);
  await once(asker, 'message');
  while (!existsSync(ready) || readFileSync(ready, 'utf8') === '') await sleep(20);
  const pid = Number(readFileSync(ready, 'utf8'));
  expect(isAlive(pid)).toBe(true);

  asker.kill('SIGKILL');
  await once(asker, 'exit');

  const deadline = Date.now() + 60_000;
  while (isAlive(pid) && Date.now() < deadline) await sleep(20);
  const survived = isAlive(pid);
  if (survived) process.kill(pid, 'SIGKILL');
  expect(survived).toBe(false);
});
