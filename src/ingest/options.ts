import { z } from 'zod';
import { CloudWatchOptions } from './cloudwatch/options.ts';
import { FirehoseOptions } from './firehose/options.ts';
import { FollowOptions } from './follow/options.ts';
import { KafkaOptions } from './kafka/options.ts';
import { S3Options } from './s3/options.ts';

/** Options of a live source, by its `type`. */
export const SourceOptions = z.discriminatedUnion('type', [
  FollowOptions,
  FirehoseOptions,
  CloudWatchOptions,
  S3Options,
  KafkaOptions,
]);
export type SourceOptions = z.infer<typeof SourceOptions>;
