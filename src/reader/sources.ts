import type { SourceOptions } from '../ingest/options.ts';
import type { Resume, Source, SourceEvents } from '../ingest/source.ts';

/** Makes the source; its libraries are loaded only when there is one of its type. */
export async function createSource(
  options: SourceOptions,
  resume: Resume,
  events: SourceEvents,
): Promise<Source> {
  switch (options.type) {
    case 'file': {
      const { createFollowSource } = await import('../ingest/follow.ts');
      return createFollowSource(options, resume, events);
    }
    case 'cloudwatch': {
      const { createCloudWatchSource } = await import('../ingest/cloudwatch.ts');
      return createCloudWatchSource(options, resume, events);
    }
    case 'kafka': {
      const { createKafkaSource } = await import('../ingest/kafka.ts');
      return createKafkaSource(options, resume, events);
    }
    case 's3': {
      const { createS3Source } = await import('../ingest/s3.ts');
      return createS3Source(options, resume, events);
    }
    case 'firehose': {
      const { createFirehoseSource } = await import('../ingest/firehose.ts');
      const { listenForDeliveries } = await import('../serve/deliveries.ts');
      return createFirehoseSource(options, resume, events, listenForDeliveries);
    }
  }
}
