import { createHash } from 'node:crypto';

/** A message of SQS, as EventBridge words it, that tells of one object, whose key is its id too. */
export function messageOf(key: string, etag?: string) {
  const Body = JSON.stringify({
    ...{ source: 'aws.s3', 'detail-type': 'Object Created' },
    detail: { bucket: { name: 'bucket' }, object: { key, etag } },
  });
  const MD5OfBody = createHash('md5').update(Body).digest('hex');
  return { MessageId: key, ReceiptHandle: key, Body, MD5OfBody };
}
