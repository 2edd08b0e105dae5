import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SimulateOptions } from '../../src/simulate/simulate.ts';
import { simulated } from './support.ts';

const folder = join(import.meta.dirname, '../../sample-logs');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const commands = [...readme.matchAll(/^flowsentry simulate (.+)$/gm)].map((match) => match[1]!);

/** Options of a command line of the README. */
function optionsOf(command: string): SimulateOptions {
  const flags = new Map(
    [...command.matchAll(/--([a-z0-9-]+) (\S+)/g)].map((match) => [match[1]!, match[2]!]),
  );
  const number = (name: string): number | undefined =>
    flags.has(name) ? Number(flags.get(name)) : undefined;
  const scenario = flags.get('scenario');
  return {
    out: flags.get('out')!,
    seed: number('seed')!,
    hours: number('hours'),
    hosts: number('hosts'),
    rate: number('rate'),
    noise: number('noise'),
    interval: number('interval'),
    ipv6Share: number('ipv6-share'),
    network: flags.get('network'),
    start: flags.get('start'),
    account: flags.get('account'),
    scenarios: scenario === undefined ? [] : [scenario],
  };
}

describe('the sample logs', () => {
  it('all have a command and a description in their README', () => {
    const logs = readdirSync(folder).filter((file) => file.endsWith('.log'));

    expect(commands.map((command) => basename(optionsOf(command).out)).sort()).toEqual(logs.sort());
    for (const log of logs) expect(readme).toContain(`| \`${log}\` `);
  });

  it.each(commands)('%s gives the same bytes', async (command) => {
    const options = optionsOf(command);

    const { text } = await simulated(options);

    expect(text).toBe(readFileSync(join(folder, basename(options.out)), 'utf8'));
  });
});
