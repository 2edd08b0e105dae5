import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Alert } from '../../contracts.ts';
import { UserError } from '../../errors.ts';
import { readSecret, SecretReference } from '../../outbound/secret.ts';
import { CONCEALABLE_HELP, conceal, isConcealable, payloadOf } from '../encryption/conceal.ts';
import type { AlertWords, Message } from '../message.ts';
import type { Sink } from '../sink.ts';
import { HIDDEN } from '../words/text.ts';

/** Which fields of alerts only the recipient can read. */
export const EncryptOptions = z.strictObject({
  key: z
    .string()
    .min(1)
    .describe("File with the recipient's public key (PEM or JWK): RSA, P-256, P-384, P-521 or X25519"),
  fields: z
    .array(z.string().refine(isConcealable, `not a field that can be encrypted: ${CONCEALABLE_HELP}`))
    .min(1)
    .describe(
      `Fields that are encrypted: ${CONCEALABLE_HELP}; title, samples, query, exception and all texts of the explanation always are`,
    ),
  ids: SecretReference.describe(
    'Secret of ours, of 16 characters or more: ids are made with it, since their own are hashes that can be guessed; it has to stay the same',
  ),
});
export type EncryptOptions = z.infer<typeof EncryptOptions>;

const MIN_SECRET = 16;
/** Characters that a JWE has beside three quarters of its text: RSA keys of 4,096 bits and the header. */
const OVERHEAD = 900;

/** The sink, which sees of each alert only what others may. `most`: characters that a JWE may have there. */
export async function encrypting(
  sink: Sink,
  options: EncryptOptions,
  name: string,
  most: number,
): Promise<Sink> {
  const chosen = new Set(options.fields);
  const secret = await readSecret(options.ids, `the secret for ids of sink ${name}`);
  if (secret.reveal().length < MIN_SECRET)
    throw new UserError(
      `cannot use the secret for ids of sink ${name}: it has less than ${MIN_SECRET} characters`,
    );
  const { encrypt, readPublicKey } = await import('../encryption/jwe.ts');
  const recipient = await readPublicKey(await readFile(options.key, 'utf8'), options.key);
  const idOf = (id: string): string =>
    createHmac('sha256', secret.reveal()).update(id).digest('hex').slice(0, 32);
  const maxBytes = Math.floor((most - OVERHEAD) * 0.75);

  function hide(message: Message): { readonly open: Message; readonly payloads: readonly string[] } {
    const all = message.alerts.map((alert) => ({ alert, ...conceal(alert, chosen) }));
    return {
      open: {
        ...message,
        key: idOf(message.key),
        unit: idOf(message.unit),
        labels: openLabels(
          message.labels,
          all.map(({ open }) => open),
        ),
        alerts: all.map(({ alert, open }) => ({ ...open, id: idOf(alert.id) })),
        ...(message.known === undefined ? {} : { known: message.known.map(idOf) }),
        words: openWords(message.words, idOf),
      },
      payloads: all.map(({ alert, hidden }) => payloadOf(alert, hidden, maxBytes)),
    };
  }

  return {
    traits: sink.traits,
    preview(message) {
      const { open, payloads } = hide(message);
      const alerts = open.alerts.map((alert, i) => ({
        ...alert,
        encrypted: `(${payloads[i]?.length} characters for the key ${recipient.id})`,
      }));
      return sink.preview({ ...open, alerts });
    },
    async deliver(message, signal) {
      const { open, payloads } = hide(message);
      const alerts = await Promise.all(
        open.alerts.map(async (alert, i) => ({
          ...alert,
          encrypted: await encrypt(payloads[i] ?? '', recipient),
        })),
      );
      return sink.deliver({ ...open, alerts }, signal);
    },
    close: () => sink.close(),
  };
}

/** Labels of a group as far as each of its alerts still shows them. */
function openLabels(labels: Message['labels'], alerts: readonly Alert[]): Record<string, string> {
  const isOpen = (name: string, value: string): boolean =>
    alerts.length > 0 &&
    alerts.every((alert) => {
      const shown = alert[name as keyof Alert];
      return String(Array.isArray(shown) ? shown.join(',') : (shown ?? '')) === value;
    });
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, isOpen(name, value) ? value : HIDDEN]),
  );
}

/** What is said of a kind of alert. Words of templates were made of what is hidden now. */
function openWords(words: Message['words'], idOf: (id: string) => string): Message['words'] {
  if (words === undefined) return undefined;
  // A guide has both; a meaning alone is a template's.
  const guide = ({ name, meaning, check }: AlertWords): AlertWords => ({
    ...(name === undefined ? {} : { name }),
    ...(meaning === undefined || check === undefined ? {} : { meaning, check }),
  });
  return {
    alerts: Object.fromEntries(Object.entries(words.alerts).map(([id, one]) => [idOf(id), guide(one)])),
  };
}
