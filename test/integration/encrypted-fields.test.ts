import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSink, SinkOptions } from '../../src/send/sinks/index.ts';
import { temporaryFolder } from '../cli/run.ts';
import { messageOf } from '../contracts/sink.ts';
import { alertOf } from '../send/alerts.ts';
import { HOSTILE } from '../send/hostile.ts';
import { openJwcrypto } from './rigs/jwcrypto.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
let read: ReturnType<typeof openJwcrypto>;
beforeAll(() => {
  read = openJwcrypto();
  writeFileSync(at('ids'), 'a secret for ids of ours', { mode: 0o600 });
});

describe("Python's jwcrypto", () => {
  it.each([
    ['RSA', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
    ['P-256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['P-384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['P-521', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521']],
    ['X25519', ['-algorithm', 'X25519']],
  ])('reads what was encrypted to a key of kind %s, and nothing that was changed', async (kind, args) => {
    execFileSync('openssl', ['genpkey', ...args, '-out', at(`${kind}.key`)], { stdio: 'pipe' });
    execFileSync('openssl', ['pkey', '-in', at(`${kind}.key`), '-pubout', '-out', at(`${kind}.pem`)]);
    const path = at(`${kind}.jsonl`);
    const encrypt = { key: at(`${kind}.pem`), fields: ['subject', 'peer'], ids: { file: at('ids') } };
    const sink = await openSink(SinkOptions.parse({ type: 'file', name: 'f', path, encrypt }));
    const alerts = HOSTILE.slice(0, 2).map((text, i) =>
      alertOf(i, { peer: text, title: `${text} was called` }),
    );
    expect(await sink.deliver(messageOf(alerts), AbortSignal.timeout(10_000))).toMatchObject({
      delivered: true,
    });
    const jwes = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).encrypted as string);
    for (const [i, jwe] of jwes.entries()) {
      const { id, title, subject, peer, query } = alerts[i]!;
      expect(JSON.parse(read(jwe, at(`${kind}.key`)))).toMatchObject({ id, title, subject, peer, query });
      const parts = jwe.split('.');
      parts[3] = `${parts[3]?.startsWith('A') ? 'B' : 'A'}${parts[3]?.slice(1)}`;
      expect(() => read(parts.join('.'), at(`${kind}.key`))).toThrow('InvalidJWEData');
    }
    await sink.close();
  });
});
