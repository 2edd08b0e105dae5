import type { SourceOptions } from '../ingest/options.ts';
import type { Resume, Source, SourceEvents } from '../ingest/source.ts';

/** Makes a source. */
export type SourceMaker = (resume: Resume, events: SourceEvents) => Promise<Source>;

/** Loads what a source is made of; its libraries are loaded only when there is one of its type. */
export async function loadSource(options: SourceOptions): Promise<SourceMaker> {
  switch (options.type) {
    case 'file': {
      const { createFollowSource } = await import('../ingest/follow/source.ts');
      return async (resume, events) => createFollowSource(options, resume, events);
    }
    case 'cloudwatch': {
      const { createCloudWatchSource } = await import('../ingest/cloudwatch/source.ts');
      return async (resume, events) => createCloudWatchSource(options, resume, events);
    }
    case 'kafka': {
      const { createKafkaSource } = await import('../ingest/kafka/source.ts');
      return async (resume, events) => createKafkaSource(options, resume, events);
    }
    case 's3': {
      const { createS3Source } = await import('../ingest/s3/source.ts');
      return async (resume, events) => createS3Source(options, resume, events);
    }
    case 'firehose': {
      const { createFirehoseSource } = await import('../ingest/firehose/source.ts');
      const { listenForDeliveries } = await import('../serve/deliveries.ts');
      return async (resume, events) => createFirehoseSource(options, resume, events, listenForDeliveries);
    }
  }
}

export async function createSource(
  options: SourceOptions,
  resume: Resume,
  events: SourceEvents,
): Promise<Source> {
  const make = await loadSource(options);
  return make(resume, events);
}
