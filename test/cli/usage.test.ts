import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { flowsentry, temporaryFolder } from './run.ts';

const folder = temporaryFolder();

/** Every command with its subcommands as arguments. */
const commands = createProgram().commands.flatMap((command) => [
  [command.name()],
  ...command.commands.map((sub) => [command.name(), sub.name()]),
]);

describe('flowsentry', () => {
  it('has a file for each command', () => {
    const files = readdirSync(join(import.meta.dirname, '../../src/cli'));
    for (const [name] of commands) expect(files).toContain(`${name}.ts`);
  });

  it.each(commands)('explains %s %s with an example', async (...args) => {
    const { code, stdout, stderr } = await flowsentry([
      ...args.filter((arg) => typeof arg === 'string'),
      '--help',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/Examples?:\n/);
    expect(stdout).toContain(`flowsentry ${args[0]}`);
  });

  it('documents its exit codes', async () => {
    const { code, stdout } = await flowsentry(['--help']);
    expect(code).toBe(0);
    for (const known of [0, 1, 2, 3, 130]) expect(stdout).toMatch(new RegExp(`^ +${known} {2}`, 'm'));
  });

  it('prints its version', async () => {
    expect(await flowsentry(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  it.each([
    [['nonsense'], 'an unknown command'],
    [['replay'], 'a missing path'],
    [['replay', 'x', '--nonsense'], 'an unknown option'],
    [['replay', 'x', '--fail-on', 'fatal'], 'an unknown severity'],
    [['alerts', 'list', '--state', 'open'], 'an unknown state'],
    [['query'], 'neither SQL nor a name'],
    [['query', 'SELECT 1', '--format', 'parquet'], 'Parquet without a file'],
    [['query', 'SELECT 1', '--max-rows', '0'], 'no rows'],
    [['query', '--name', 'nonsense'], 'an unknown query'],
    [['query', '--name', 'who-talked-to'], 'a missing parameter'],
    [['query', '--name', 'top-talkers', '--param', 'x=1'], 'an unknown parameter'],
    [['detectors', 'show', 'nonsense'], 'an unknown detector'],
    [['doctor'], 'nothing to look at'],
    [['doctor', '--format', 'what is this'], 'no format'],
    [['simulate', '--records', '10'], 'no file to write'],
    [['simulate', '--out', 'x'], 'no amount'],
    [['rejects', '--reason', 'nonsense'], 'an unknown reason'],
  ])('ends with 2 for %j: %s', async (args) => {
    const { code, stdout, stderr } = await flowsentry(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
    expect(stderr).not.toContain('    at ');
  });

  it.runIf(process.platform === 'linux')('gives freed arrays back, unless told how', async () => {
    const tell = `data:text/javascript,process.on('exit',()=>console.log(process.env.MALLOC_MMAP_THRESHOLD_))`;
    const allocator = async (env: NodeJS.ProcessEnv): Promise<string> => {
      const { stdout } = await flowsentry(['replay', '/nowhere'], {
        NODE_OPTIONS: `--import=${tell}`,
        ...env,
      });
      return stdout.trim();
    };
    expect(await allocator({})).toBe('524288');
    expect(await allocator({ MALLOC_MMAP_THRESHOLD_: '131072' })).toBe('131072');
  });

  it('suggests what was meant', async () => {
    expect((await flowsentry(['repaly', 'x'])).stderr).toContain('replay');
  });

  it('tells a path that is not there without a stack', async () => {
    const { code, stderr } = await flowsentry([
      'replay',
      join(folder, 'nothing'),
      '--data',
      join(folder, 'none'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cannot read /);
    expect(stderr).not.toContain('    at ');
  });

  it('lists every problem of a configuration with its line', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'network:\n  internal: [nonsense]\ndetectors:\n  port-scan:\n    mode: loud\n');
    const { code, stderr } = await flowsentry(['check-config', file]);
    expect(code).toBe(2);
    expect(stderr).toContain('line 2:14  network.internal.0');
    expect(stderr).toContain('line 5:11  detectors.port-scan.mode');
  });

  it('accepts a good configuration, whole as JSON', async () => {
    const file = join(folder, 'good.yaml');
    writeFileSync(file, 'detectors: { port-scan: { mode: shadow } }\n');
    expect((await flowsentry(['check-config', file])).code).toBe(0);
    const { stdout } = await flowsentry(['check-config', file, '--json']);
    expect(JSON.parse(stdout).detectors['port-scan'].mode).toBe('shadow');
  });

  it('prints the JSON Schema of the configuration', async () => {
    const { stdout } = await flowsentry(['check-config', '--schema']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', additionalProperties: false });
  });

  it('lists detectors, queries and scenarios as JSON too', async () => {
    for (const args of [
      ['detectors', 'list'],
      ['query', '--list'],
      ['simulate', '--list'],
    ]) {
      const { code, stdout } = await flowsentry([...args, '--json']);
      expect(code).toBe(0);
      expect(Array.isArray(JSON.parse(stdout))).toBe(true);
    }
  });
});
