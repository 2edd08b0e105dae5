import { describe, expect, it } from 'vitest';
import { readText } from './files.ts';

const settings = new Map<string, string[]>();
for (const line of readText('deploy/systemd/flowsentry.service').split('\n')) {
  const [, key = '', value = ''] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? [];
  if (key !== '') settings.set(key, [...(settings.get(key) ?? []), value]);
}

describe('systemd unit', () => {
  it.each([
    ['DynamicUser', 'yes'],
    ['NoNewPrivileges', 'yes'],
    ['ProtectSystem', 'strict'],
    ['ProtectHome', 'yes'],
    ['PrivateTmp', 'yes'],
    ['CapabilityBoundingSet', ''],
    ['StateDirectory', 'flowsentry'],
    ['UMask', '0077'],
    // A file in the state directory would be opened before that is made: the first start would fail.
    ['StandardOutput', 'journal'],
    ['RestartPreventExitStatus', '2'],
  ])('sets %s=%s', (key, value) => {
    expect(settings.get(key)).toEqual([value]);
  });

  it('keeps data below its state directory, and sets the thread pool before the process starts', () => {
    expect(settings.get('ExecStart')?.[0]).toContain('--data /var/lib/flowsentry/data');
    expect(settings.get('Environment')).toContainEqual(expect.stringMatching(/^UV_THREADPOOL_SIZE=\d+$/));
  });

  it('waits longer than a graceful stop takes', () => {
    expect(Number.parseInt(settings.get('TimeoutStopSec')?.[0] ?? '', 10)).toBeGreaterThan(10);
  });
});
