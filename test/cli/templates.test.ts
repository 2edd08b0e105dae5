import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flowsentry, temporaryFolder } from './run.ts';

const folder = temporaryFolder();
const SAMPLES = join(import.meta.dirname, '../../sample-logs');
writeFileSync(join(folder, 'hook'), 'https://hooks.example.org/x', { mode: 0o600 });
const configured = (name: string, templates: string): string => {
  const file = join(folder, name);
  writeFileSync(
    file,
    `sinks:\n  - type: slack\n    name: chat\n    urlFile: hook\n    templates:\n${templates}`,
  );
  return file;
};

describe('templates of a configuration', () => {
  it('are shown by sinks preview, of an alert that there is', async () => {
    const data = join(folder, 'data');
    const sample = join(SAMPLES, 'port-scan-probe.log');
    expect((await flowsentry(['replay', sample, '--data', data])).code).toBe(0);
    const [alert] = (await flowsentry(['alerts', 'list', '--json', '--data', data])).stdout.split('\n');
    const { id, subject } = JSON.parse(alert ?? '');
    const config = configured(
      'right.yaml',
      '      title: "SOC {{ message.severity }}: {{ alert.name }}"\n      sentence: "{{ alert.subject }} scans, {{ alert.count }} tries <@everyone>"\n',
    );
    const args = ['sinks', 'preview', 'chat', '--alert', id.slice(0, 8), '--config', config, '--data', data];
    const { code, stdout } = await flowsentry(args);
    expect(code).toBe(0);
    const [header, sentence] = JSON.parse(stdout).attachments[0].blocks;
    expect(header.text.text).toBe('🔴 SOC high: Port scan');
    expect(sentence.elements[0].elements).toEqual([
      { type: 'text', text: `${subject} scans, 14 tries <@everyone>`, style: { bold: true } },
    ]);
  });

  it('are shown by sinks preview, of a digest', async () => {
    const data = join(folder, 'many');
    const sample = join(SAMPLES, 'unexpected-egress-new-port.log');
    const judged = ['--config', join(SAMPLES, 'flowsentry.yaml'), '--data', data];
    expect((await flowsentry(['replay', sample, ...judged])).code).toBe(0);
    const listed = (await flowsentry(['alerts', 'list', '--json', '--data', data])).stdout.trim().split('\n');
    const ids = listed.map((line) => JSON.parse(line).id);
    expect(ids.length).toBeGreaterThan(1);
    const config = configured('many.yaml', '      digest: "{{ message.count }} at once"\n');
    const args = ['sinks', 'preview', 'chat', '--alert', ...ids, '--config', config, '--data', data];
    const { code, stdout } = await flowsentry(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).attachments[0].blocks[1].elements[0].elements[0].text).toBe(
      `${ids.length} at once`,
    );
  });

  it('that fail are told by sinks preview, which shows our text', async () => {
    const config = configured('heavy.yaml', '      title: "{% for i in (1..9999999) %}x{% endfor %}"\n');
    const { code, stdout, stderr } = await flowsentry(['sinks', 'preview', 'chat', '--config', config]);
    expect(code).toBe(0);
    expect(stderr).toContain(
      'the template title fails, and our own text is sent: line 1: memory alloc limit',
    );
    expect(JSON.parse(stdout).attachments[0].blocks[0].text.text).toContain('TEST · Info · Test');
  });

  it('are refused where fields are encrypted, since they would be made of them', async () => {
    const config = configured('encrypted.yaml', '      title: "{{ alert.subject }}"\n');
    const encrypt = '    encrypt: {key: soc.pem, fields: [subject], ids: {file: ids}}\n';
    writeFileSync(config, `${readFileSync(config, 'utf8')}${encrypt}`);
    const { code, stderr } = await flowsentry(['check-config', config]);
    expect(code).toBe(2);
    expect(stderr).toContain('line 6:7  sinks.0.templates: go with no encrypt');
  });

  it('are refused at the start with every problem and its line', async () => {
    const config = configured(
      'wrong.yaml',
      '      title: "{{ alert.titel }}"\n      next: |\n        first\n        {{ alert.id | shout }}\n      digest: "{% if %}"\n      subject: x\n',
    );
    const { code, stderr } = await flowsentry(['check-config', config]);
    expect(code).toBe(2);
    for (const text of [
      'line 6:14  sinks.0.templates.title: line 1: no such field: alert.titel; there are id, short',
      'line 7:13  sinks.0.templates.next: line 2: undefined filter: shout',
      'line 10:15  sinks.0.templates.digest: line 1: invalid value expression',
      'line 11:16  sinks.0.templates.subject: unknown setting',
    ])
      expect(stderr).toContain(text);
  });
});
