import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from './run.ts';

it('a command that has stopped ends, whatever a library still waits for', async () => {
  const folder = temporaryFolder();
  const config = join(folder, 'flowsentry.yaml');
  writeFileSync(config, 'sources: [{type: file, name: f, paths: [logs]}]\n');
  const script = join(folder, 'waits.ts');
  const module = join(import.meta.dirname, '../../src/cli/long-running.ts');
  writeFileSync(
    script,
    `import { startService } from ${JSON.stringify(module)};
    const { stopped } = await startService(${JSON.stringify(config)});
    setInterval(() => {}, 1000);
    stopped();`,
  );
  const { stderr } = await promisify(execFile)(process.execPath, [script]);
  expect(JSON.parse(stderr)).toMatchObject({ message: 'stopped' });
});
