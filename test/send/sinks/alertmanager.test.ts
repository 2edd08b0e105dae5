import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { AlertmanagerOptions, openAlertmanager } from '../../../src/send/sinks/alertmanager.ts';
import { temporaryFolder } from '../../cli/run.ts';
import { itIsASink } from '../../contracts/sink.ts';
import { CA } from '../receiver.ts';

const file = join(temporaryFolder(), 'auth');
writeFileSync(file, 'Bearer canary-of-the-alertmanager', { mode: 0o600 });

itIsASink('alertmanager', {
  open: (url, trusted) =>
    openAlertmanager(
      AlertmanagerOptions.parse({
        ...{ type: 'alertmanager', name: 'am', url: `${url}/prefix/`, authorization: { file } },
        tls: trusted ? { ca: CA } : {},
      }),
    ),
  secrets: ['canary-of-the-alertmanager'],
  accept: ({ path }, response) => void response.writeHead(path === '/prefix/api/v2/alerts' ? 200 : 404).end(),
  keyOf: ({ json }) => json[0].labels.alert_id,
  without: ({ headers: { authorization: _, ...headers }, body }) => ({ headers, body }),
  maxBytes: 5_000_000,
  expectDead({ json }) {
    for (const { labels, annotations } of json)
      for (const text of [...Object.values(labels), ...Object.values(annotations)])
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  },
});
