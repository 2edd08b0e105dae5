import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { watchInventory } from '../../src/live/inventory-watch.ts';
import { createInventory } from '../../src/reference/inventory/inventory.ts';
import { temporaryFolder } from '../cli/run.ts';

it('the watch of the inventory ends beside a look that cannot be told to, and takes nothing of it', async () => {
  const folder = temporaryFolder();
  const pipe = join(folder, 'inventory.jsonl');
  execFileSync('mkfifo', [pipe]);
  const inventory = createInventory();
  const stop = new AbortController();
  const watching = watchInventory({
    config: parseConfig('inventory: {file: inventory.jsonl}', join(folder, 'flowsentry.yaml')),
    ...{ inventory, signal: stop.signal, log() {} },
  });
  stop.abort();
  await (await watching)[Symbol.asyncDispose]();
  // Whoever reads a pipe waits for who writes it.
  await writeFile(pipe, '{"id": "i-1", "addresses": ["10.0.0.1"]}\n');
  for (let i = 0; i < 100; i++) await setImmediate();
  expect(inventory.parts).toEqual([]);
});
