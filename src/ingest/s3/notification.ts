import { z } from 'zod';

/** An object that a message tells of. */
export interface ToldObject {
  readonly bucket: string;
  readonly key: string;
  /** Without quotation marks; absent when the message does not say. */
  readonly etag: string | undefined;
}

/** S3's own event message (version 2.x: minor versions may add fields). */
const S3Event = z.object({
  Records: z.array(
    z.object({
      eventVersion: z.string().regex(/^2\./),
      eventSource: z.literal('aws:s3'),
      eventName: z.string(),
      s3: z.object({
        bucket: z.object({ name: z.string() }),
        object: z.object({ key: z.string(), eTag: z.string().optional() }),
      }),
    }),
  ),
});

const TestEvent = z.object({ Service: z.literal('Amazon S3'), Event: z.literal('s3:TestEvent') });

const EventBridgeEvent = z.object({
  source: z.literal('aws.s3'),
  'detail-type': z.string(),
  detail: z.object({
    bucket: z.object({ name: z.string() }),
    object: z.object({ key: z.string(), etag: z.string().optional() }),
  }),
});

const SnsNotification = z.object({ Type: z.literal('Notification'), Message: z.string() });

/**
 * The objects that a message says were created: from S3 itself, wrapped by SNS, or from EventBridge. None for test events and for what happened
 * otherwise; undefined when it is none of these, so that whoever reads the queue can leave it there.
 */
export function parseNotification(body: string): ToldObject[] | undefined {
  const content = parseJson(body);
  const wrapped = SnsNotification.safeParse(content);
  return wrapped.success ? objectsOf(parseJson(wrapped.data.Message)) : objectsOf(content);
}

function objectsOf(content: unknown): ToldObject[] | undefined {
  if (TestEvent.safeParse(content).success) return [];
  const event = S3Event.safeParse(content);
  if (event.success) {
    const created = event.data.Records.filter(({ eventName }) => /^(?:s3:)?ObjectCreated:/.test(eventName));
    const objects = created.map(({ s3 }) => {
      const key = decodeKey(s3.object.key);
      return key === undefined ? undefined : { bucket: s3.bucket.name, key, etag: plain(s3.object.eTag) };
    });
    return objects.every((object) => object !== undefined) ? objects : undefined;
  }
  const bridged = EventBridgeEvent.safeParse(content);
  if (!bridged.success) return undefined;
  if (bridged.data['detail-type'] !== 'Object Created') return [];
  const { bucket, object } = bridged.data.detail;
  return [{ bucket: bucket.name, key: object.key, etag: plain(object.etag) }];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** S3 encodes keys as forms do; EventBridge does not. */
function decodeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function plain(etag: string | undefined): string | undefined {
  return etag?.replaceAll('"', '');
}
