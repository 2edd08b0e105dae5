import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flowsentry, scanLog, temporaryFolder } from './run.ts';

const folder = temporaryFolder();
const config = join(folder, 'flowsentry.yaml');
writeFileSync(config, 'feeds: [{ use: feodo }, { name: own, file: own.txt }]\n');
writeFileSync(join(folder, 'own.txt'), '203.0.113.7\n203.0.113.8\n');

describe('flowsentry feeds', () => {
  it('lists configured feeds with what is kept of them, and ready ones', async () => {
    const own = join(folder, 'own.yaml');
    writeFileSync(own, 'feeds: [{ name: own, file: own.txt }]\n');
    const log = join(folder, 'a.log');
    writeFileSync(log, scanLog());
    const data = join(folder, 'data');
    await flowsentry(['replay', log, '--config', own, '--data', data]);
    const { code, stdout } = await flowsentry([
      'feeds',
      'list',
      '--config',
      config,
      '--data',
      data,
      '--json',
    ]);
    expect(code).toBe(0);
    const { configured, ready } = JSON.parse(stdout);
    expect(configured).toMatchObject([
      { name: 'feodo', url: expect.stringContaining('feodotracker'), category: 'command-and-control' },
      { name: 'own', networks: 2, confirmed: expect.stringMatching(/^20/) },
    ]);
    expect(ready.map(({ id }: { id: string }) => id)).toContain('spamhaus-drop-v6');
    const plain = await flowsentry(['feeds', '--config', config, '--data', data]);
    expect(plain.stdout).toMatch(/^own +2 +20/m);
    expect(plain.stdout).toContain('none kept');
  });

  it('shows where a ready feed is from and how to switch it on', async () => {
    const { stdout } = await flowsentry(['feeds', 'show', 'spamhaus-drop']);
    expect(stdout).toContain('https://www.spamhaus.org/drop/drop_v4.json');
    expect(stdout).toContain('copyright note');
    expect(stdout).toContain('- { use: spamhaus-drop }');
  });

  it('tries a feed, and ends with 1 when it cannot be used', async () => {
    expect(await flowsentry(['feeds', 'test', 'own', '--config', config])).toMatchObject({
      code: 0,
      stdout: 'own: 2 networks: listed\n',
    });
    writeFileSync(join(folder, 'own.txt'), '10.0.0.0/8\n');
    const { code, stderr } = await flowsentry(['feeds', 'test', 'own', '--config', config]);
    expect(code).toBe(1);
    expect(stderr).toContain('private or own');
    writeFileSync(join(folder, 'own.txt'), '203.0.113.7\n203.0.113.8\n');
  });

  it.each([[['show', 'nonsense']], [['test', 'nonsense']]])('ends with 2 for %j', async (args) => {
    const { code, stderr } = await flowsentry(['feeds', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain('there are');
  });
});
