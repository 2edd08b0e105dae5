import type { AwsSecurityFinding } from '@aws-sdk/client-securityhub';
import { z } from 'zod';
import { toAsff } from '../records/asff.ts';
import { droppedAlert, fitTo } from '../records/records.ts';
import type { Sink } from '../sink.ts';
import { AwsSinkOptions, type Entry, openAwsSink, UNANSWERED } from './aws.ts';

/** Findings of AWS Security Hub. */
export const SecurityHubOptions = z.strictObject({
  type: z.literal('security-hub').describe('AWS Security Hub: an alert a finding (ASFF)'),
  ...AwsSinkOptions.shape,
  account: z
    .string()
    .regex(/^\d{12}$/, 'not an account: 12 digits, in quotes')
    .describe('The account that Security Hub is turned on in, whose findings they become'),
  partition: z.enum(['aws', 'aws-cn', 'aws-us-gov']).default('aws').describe("AWS's partition of the region"),
});
export type SecurityHubOptions = z.infer<typeof SecurityHubOptions>;

/** https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html */
const MAX_CALL = { entries: 100, bytes: 6_000_000 };
const MAX_FINDING = 240_000;

interface FindingEntry extends Entry {
  readonly finding: AwsSecurityFinding;
}

export async function openSecurityHub(options: SecurityHubOptions, console?: string): Promise<Sink> {
  const { BatchImportFindingsCommand, SecurityHubClient } = await import('@aws-sdk/client-securityhub');
  const hub = { ...options, console };
  return openAwsSink<FindingEntry>({
    options,
    most: MAX_CALL,
    entriesOf(message) {
      const all = message.dropped.length === 0 ? [] : [droppedAlert(message)];
      return [...message.alerts, ...all].map((alert) => {
        const text = fitTo(alert, MAX_FINDING, (one) => JSON.stringify(toAsff(one, message, hub)));
        const finding = JSON.parse(text) as AwsSecurityFinding;
        return { key: `${message.key}-${alert.id}`, text, finding, bytes: Buffer.byteLength(text) };
      });
    },
    open(config) {
      const client = new SecurityHubClient(config);
      return {
        client,
        async call(entries, abortSignal) {
          const Findings = entries.map(({ finding }) => finding);
          const { FailedFindings = [], SuccessCount } = await client.send(
            new BatchImportFindingsCommand({ Findings }),
            { abortSignal },
          );
          const failed = new Map(
            FailedFindings.map(({ Id, ErrorCode = '', ErrorMessage = '' }) => [
              Id,
              { code: ErrorCode, message: ErrorMessage },
            ]),
          );
          const isWhole = (SuccessCount ?? 0) + failed.size >= entries.length;
          return entries.map(({ finding }) => failed.get(finding.Id) ?? (isWhole ? undefined : UNANSWERED));
        },
      };
    },
  });
}
