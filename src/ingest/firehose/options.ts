import { z } from 'zod';
import { parseAddress } from '../../columns/address.ts';
import { isLoopback } from '../../outbound/address-kinds.ts';
import { SecretReference } from '../../outbound/secret.ts';
import { SourceName } from '../source-name.ts';

const MAX_BODY = 64 << 20;

/** Deliveries of Amazon Data Firehose to an HTTP endpoint. */
export const FirehoseOptions = z
  .strictObject({
    type: z.literal('firehose').describe('Deliveries of Amazon Data Firehose to an HTTP endpoint: this one'),
    name: SourceName.describe(
      'Name of the source in logs and positions; another name forgets which requests are known',
    ),
    host: z
      .string()
      .refine(
        (text) => text === 'localhost' || parseAddress(text) !== undefined,
        'not an address, such as 127.0.0.1 or ::',
      )
      .default('127.0.0.1')
      .describe('Address to listen on; other than loopback ones need tls'),
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(9465)
      .describe(
        'Port to listen on; Firehose calls port 443 alone, so a load balancer or proxy stands before others',
      ),
    path: z
      .string()
      .regex(/^\/[\w./-]*$/, 'not a path, such as /firehose')
      .default('/firehose')
      .describe('Path of the endpoint'),
    accessKey: SecretReference.describe("The delivery stream's access key"),
    tls: z
      .strictObject({
        certificate: z.string().min(1).describe('File with the certificate and its chain (PEM)'),
        key: z.string().min(1).describe('File with its private key (PEM)'),
      })
      .optional()
      .describe('Certificates, followed as the files change; Firehose accepts only those of public CAs'),
    format: z
      .string()
      .min(1)
      .optional()
      .describe(
        `The records' format, which Firehose does not say: AWS's '\${version} …'; without it the default`,
      ),
    maxBodyBytes: z
      .int()
      .min(1024)
      .max(MAX_BODY)
      .default(MAX_BODY)
      .describe('Largest body of a request, as it comes and unzipped; Firehose sends at most 64 MiB'),
    maxWaitingBytes: z
      .int()
      .min(1024)
      .default(4 * MAX_BODY)
      .describe('Bytes of requests that wait to be read; what comes then is refused, and comes again'),
    maxWaitingRequests: z
      .int()
      .min(1)
      .default(1000)
      .describe('Requests that wait for their checkpoint; what comes then is refused, and comes again'),
    remember: z
      .int()
      .min(60)
      .default(10_800)
      .describe("Seconds for which a request is known again; longer than the stream's retry duration"),
  })
  .refine(({ maxBodyBytes, maxWaitingBytes }) => maxBodyBytes <= maxWaitingBytes, {
    path: ['maxWaitingBytes'],
    error: 'is less than maxBodyBytes: no request of that size would ever be read',
  })
  .refine(({ host, tls }) => tls !== undefined || isLoopback(host), {
    path: ['tls'],
    error: 'is missing: without it only loopback addresses are served',
  });
export type FirehoseOptions = z.infer<typeof FirehoseOptions>;
