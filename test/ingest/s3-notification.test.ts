import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf } from '../../src/ingest/s3/listing.ts';
import { parseNotification } from '../../src/ingest/s3/notification.ts';

const record = (key: string, eventName = 'ObjectCreated:Put', eventVersion = '2.1') => ({
  eventVersion,
  eventSource: 'aws:s3',
  eventName,
  s3: { bucket: { name: 'logs' }, object: { key, eTag: 'abc', size: 5 } },
});
const event = (...records: unknown[]) => JSON.stringify({ Records: records });

describe('notifications of S3', () => {
  it('are read as S3 sends them, several at once, keys encoded as forms do', () => {
    expect(parseNotification(event(record('AWSLogs/a%3Db/x+y.gz'), record('b')))).toEqual([
      { bucket: 'logs', key: 'AWSLogs/a=b/x y.gz', etag: 'abc' },
      { bucket: 'logs', key: 'b', etag: 'abc' },
    ]);
    expect(
      parseNotification(event(record('b', 'ObjectCreated:CompleteMultipartUpload', '2.7'))),
    ).toHaveLength(1);
  });

  it('are read through SNS', () => {
    const Message = event(record('b'));
    const body = JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message });
    expect(parseNotification(body)).toEqual([{ bucket: 'logs', key: 'b', etag: 'abc' }]);
  });

  it('are read from EventBridge, keys as they are', () => {
    const body = (type: string) =>
      JSON.stringify({
        source: 'aws.s3',
        'detail-type': type,
        detail: { bucket: { name: 'logs' }, object: { key: 'a+b%20c', etag: '"abc"' } },
      });
    expect(parseNotification(body('Object Created'))).toEqual([
      { bucket: 'logs', key: 'a+b%20c', etag: 'abc' },
    ]);
    expect(parseNotification(body('Object Deleted'))).toEqual([]);
  });

  it('say of nothing to do that there is nothing to do', () => {
    expect(parseNotification('{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"}')).toEqual([]);
    expect(parseNotification(event(record('b', 'ObjectRemoved:Delete')))).toEqual([]);
  });

  it.each([
    ['no JSON', 'hello'],
    ['another version', event(record('b', 'ObjectCreated:Put', '3.0'))],
    ['another service', JSON.stringify({ Records: [{ ...record('b'), eventSource: 'aws:sns' }] })],
    ['one of several that is strange', event(record('b'), { eventName: 'x' })],
    ['a key that cannot be decoded', event(record('%E0%A4%A'))],
    ['null', 'null'],
    ['SNS around nonsense', JSON.stringify({ Type: 'Notification', Message: '{' })],
  ])('are left to the queue when they are %s', (_, body) => {
    expect(parseNotification(body)).toBeUndefined();
  });

  it('never throw', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (body) => void parseNotification(body)));
  });
});

describe('folders of a listing', () => {
  const day = (text: string) => Date.parse(`${text}T00:00:00Z`);

  it.each([
    ['AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/11/24/', '2026-11-26'],
    ['AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/11/24/05/', '2026-11-26'],
    ['AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/11/', '2026-12-02'],
    ['AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/', '2027-01-02'],
    ['AWSLogs/aws-account-id=1/aws-region=r/year=2026/month=12/day=31/hour=23/', '2027-01-02'],
    ['AWSLogs/aws-account-id=1/aws-region=r/year=2026/month=12/', '2027-01-02'],
  ])('end a day after their time: %s', (folder, end) => {
    expect(endOf(folder)).toBe(day(end));
  });

  it.each(['AWSLogs/', 'AWSLogs/123456789012/', 'AWSLogs/2026x/', 'a/b/', ''])(
    'without a time never end: %j',
    (folder) => {
      expect(endOf(folder)).toBe(Number.POSITIVE_INFINITY);
    },
  );
});
