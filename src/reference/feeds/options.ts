import { z } from 'zod';
import { duration } from '../../../detectors/duration.ts';
import { SecretReference } from '../../outbound/secret.ts';
import { READY_FEEDS } from './catalogue.ts';
import { PROTOCOLS } from './source.ts';

const DAY = 86_400;

/** A feed as it is configured: a ready one by its id, where everything else may be said otherwise, or one of one's own. */
export const FeedOptions = z
  .strictObject({
    use: z
      .enum(
        READY_FEEDS.map(({ id }) => id),
        { error: `no ready feed: there are ${READY_FEEDS.map(({ id }) => id).join(', ')}` },
      )
      .optional()
      .describe('A ready feed, see `flowsentry feeds list`'),
    name: z.string().min(1).optional().describe('Name in alerts and exceptions; of a ready feed its id'),
    file: z.string().min(1).optional().describe('File, relative to this configuration'),
    url: z
      .url({ protocol: /^https$/, error: 'not an https:// address' })
      .optional()
      .describe('HTTPS address'),
    protocol: z
      .enum(PROTOCOLS)
      .optional()
      .describe('What is at the address: a list, a TAXII 2.1 collection, or a MISP server'),
    user: z.string().min(1).optional().describe('User of TAXII; without it the key is a bearer token'),
    key: SecretReference.optional().describe("MISP's authentication key, or TAXII's password or token"),
    ca: z.string().min(1).optional().describe('File with the CA certificates to trust instead (PEM)'),
    category: z.string().min(1).optional().describe('Category of indicators that name none'),
    confidence: z.int().min(0).max(100).optional().describe('Confidence of indicators that name none, 0–100'),
    decay: duration
      .optional()
      .describe(
        'An indicator counts so long (30d) after the feed last saw it at work, with half its confidence at the end, where the feed says so',
      ),
    interval: duration
      .refine((seconds) => seconds >= 1, 'shorter than a second')
      .optional()
      .describe('Time between two questions by `flowsentry run` (1h), a tenth more or less'),
    stale: duration
      .optional()
      .describe(
        'An alert is raised when the feed confirms nothing for so long (1d, at least twice the interval)',
      ),
    keep: duration
      .optional()
      .describe('The last good list is used for so long (30d) after the feed last confirmed it'),
  })
  .refine(({ name, use }) => (name ?? use) !== undefined, { path: ['name'], error: 'is missing' })
  .refine(
    ({ file, url, use }) =>
      use === undefined ? (file === undefined) !== (url === undefined) : file === undefined,
    'needs either file or url, or a ready feed to use',
  )
  .refine(
    ({ protocol = 'list', key, user, url }) =>
      protocol === 'list' ? key === undefined && user === undefined : url !== undefined,
    'user and key are for taxii and misp, which need a url',
  )
  .refine(({ protocol, key }) => protocol !== 'misp' || key !== undefined, {
    path: ['key'],
    error: 'is missing',
  })
  .transform(({ use, ...given }) => {
    const ready = READY_FEEDS.find(({ id }) => id === use);
    const interval = given.interval ?? ready?.interval ?? 3600;
    return {
      ...given,
      name: given.name ?? use ?? '',
      url: given.url ?? ready?.url,
      category: given.category ?? ready?.category,
      confidence: given.confidence ?? ready?.confidence,
      decay: given.decay ?? 30 * DAY,
      interval,
      stale: given.stale ?? Math.max(DAY, 2 * interval),
      keep: given.keep ?? 30 * DAY,
      hasReserved: ready?.hasReserved === true,
    };
  });
