import { describe, expect, it } from 'vitest';
import { detectors } from '../../../detectors/index.ts';
import type { FailureReason } from '../../../src/send/sink.ts';
import { openSecurityHub, SecurityHubOptions } from '../../../src/send/sinks/security-hub.ts';
import { filledWith, itIsASink, messageOf } from '../../contracts/sink.ts';
import { alertOf, goldenAlerts } from '../alerts.ts';
import { type Answer, CA, type Received, startReceiver } from '../receiver.ts';
import { ACCOUNT, outcomeOf, REGION, TOKEN, withoutSignature } from './aws-services.ts';

const open = (url: string, trusted = true, console?: string) =>
  openSecurityHub(
    SecurityHubOptions.parse({
      ...{ type: 'security-hub', name: 'hub', region: REGION, account: ACCOUNT, endpoint: url },
      tls: trusted ? { ca: CA } : {},
    }),
    console,
  );

/** Answers as Security Hub does: findings at these places are refused with a code. */
const answer =
  (failing: Readonly<Record<number, string>> = {}): Answer =>
  ({ json: { Findings } }, response) => {
    const FailedFindings = Findings.flatMap(({ Id }: { Id: string }, i: number) =>
      failing[i] === undefined ? [] : [{ Id, ErrorCode: failing[i], ErrorMessage: 'no' }],
    );
    const FailedCount = FailedFindings.length;
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ FailedCount, SuccessCount: Findings.length - FailedCount, FailedFindings }));
  };

/** The limits of ASFF, and what no finding may lack. */
function expectValid({ body, json: { Findings } }: Received): void {
  expect(Findings.length).toBeLessThanOrEqual(100);
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(6_001_000);
  for (const finding of Findings) {
    expect(Buffer.byteLength(JSON.stringify(finding))).toBeLessThanOrEqual(240_000);
    for (const name of [
      ...['SchemaVersion', 'Id', 'ProductArn', 'GeneratorId', 'AwsAccountId', 'CreatedAt', 'UpdatedAt'],
      ...['Severity', 'Title', 'Description', 'Resources', 'Types'],
    ])
      expect(finding[name], name).toBeTruthy();
    expect(finding.Title.length).toBeLessThanOrEqual(256);
    expect(finding.Description.length).toBeLessThanOrEqual(1024);
    expect(Object.keys(finding.ProductFields).length).toBeLessThanOrEqual(50);
    for (const [name, value] of Object.entries(finding.ProductFields)) {
      expect(name.length).toBeLessThanOrEqual(128);
      expect((value as string).length).toBeLessThanOrEqual(2048);
    }
    for (const { Id, Type } of finding.Resources) expect([Id, Type].every((text) => text !== '')).toBe(true);
    for (const type of finding.Types)
      expect(type).toMatch(
        /^(?:TTPs\/(?:Initial Access|Defense Evasion|Credential Access|Discovery|Lateral Movement|Command and Control)|Effects\/(?:Data Exfiltration|Denial of Service|Resource Consumption)|Unusual Behaviors\/Network Flow)(?:\/[^/]+)?$/,
      );
  }
}

const signal = () => AbortSignal.timeout(10_000);
const findingOf = async (...[alert, more, console]: [ReturnType<typeof alertOf>, object?, string?]) => {
  const sink = await open('https://localhost', true, console);
  const finding = JSON.parse(sink.preview(messageOf([alert], more)));
  await sink.close();
  return finding;
};

itIsASink('security-hub', {
  open,
  secrets: [TOKEN],
  accept: answer(),
  keyOf: ({ json }) => json.Findings[0].ProductFields['flowsentry/key'],
  without: withoutSignature,
  maxBytes: 6_001_000,
  expectDead(request) {
    expectValid(request);
    for (const { Title, Description, ProductFields } of request.json.Findings)
      for (const text of [Title, Description, ...Object.values<string>(ProductFields)])
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  },
});

describe('a finding of Security Hub', () => {
  it('has the identity of the alert, its times, its technique, its interface and who talked to whom', async () => {
    expect(await findingOf(alertOf(1), {}, 'https://flows.example.org')).toMatchObject({
      Id: alertOf(1).id,
      ProductArn: `arn:aws:securityhub:${REGION}:${ACCOUNT}:product/${ACCOUNT}/default`,
      AwsAccountId: ACCOUNT,
      GeneratorId: 'flowsentry/port-scan',
      Types: ['TTPs/Discovery/T1046-Network Service Discovery'],
      FirstObservedAt: '2026-01-05T00:00:00.000Z',
      LastObservedAt: '2026-01-05T00:10:00.000Z',
      UpdatedAt: '2026-03-02T10:00:00.000Z',
      Severity: { Label: 'HIGH' },
      FindingProviderFields: { Severity: { Label: 'HIGH' } },
      Description: 'Observed 60, usual 0, threshold 12: ports >= threshold',
      SourceUrl: `https://flows.example.org/alerts/${alertOf(1).id}`,
      ProductFields: { 'explanation/rule': 'no-scans' },
      Resources: [
        {
          Type: 'AwsEc2NetworkInterface',
          Id: `arn:aws:ec2:${REGION}:${ACCOUNT}:network-interface/eni-0a1b2c3d`,
        },
      ],
      Network: { SourceIpV4: '10.0.1.1', DestinationIpV4: '10.0.2.9', Protocol: 'TCP' },
      Workflow: { Status: 'NEW' },
      RecordState: 'ACTIVE',
    });
  });

  it('says in which zones its ends are', async () => {
    expect(await findingOf(alertOf(1, { zone: 'web', peerZone: 'database' }))).toMatchObject({
      ProductFields: { 'flowsentry/zone': 'web', 'flowsentry/peerZone': 'database' },
    });
  });

  it('is archived when the alert is over', async () => {
    expect(await findingOf(alertOf(1, { state: 'resolved' }))).toMatchObject({
      Id: alertOf(1).id,
      RecordState: 'ARCHIVED',
      Workflow: { Status: 'RESOLVED' },
    });
  });

  it('is within the limits for every alert there is', async () => {
    const receiver = await startReceiver(answer());
    const sink = await open(receiver.url);
    const techniques = detectors.map(({ attack }, i) => alertOf(i, { attack }));
    const huge = Array.from({ length: 40 }, (_, i) => ({
      ...filledWith('"\\ü🟥'.repeat(90_000)),
      id: `h${i}`,
    }));
    const alerts = [...goldenAlerts(), ...techniques, ...huge];
    expect(await sink.deliver(messageOf(alerts), signal())).toMatchObject({ delivered: true });
    for (const request of receiver.received) expectValid(request);
    expect(receiver.received.flatMap(({ json }) => json.Findings)).toHaveLength(alerts.length);
    await Promise.all([sink.close(), receiver.close()]);
  });

  it.each<[string, FailureReason]>([
    ['InternalError', 'unavailable'],
    ['ThrottlingException', 'rate-limited'],
    ['AccessDenied', 'unauthorized'],
    ['InvalidInput', 'refused'],
  ])('that was refused with %s is %s, and alone is sent again', async (code, reason) => {
    const receiver = await startReceiver(answer({ 1: code }));
    const sink = await open(receiver.url);
    const message = messageOf(Array.from({ length: 120 }, (_, i) => alertOf(i)));
    expect(await sink.deliver(message, signal())).toEqual({
      ...{ delivered: false, reason },
      detail: `2 of 120: ${code} no`,
    });
    expect(receiver.received.map(({ json }) => json.Findings.length)).toEqual([100, 20]);
    receiver.answer(answer());
    receiver.received.length = 0;
    expect(await sink.deliver(message, signal())).toMatchObject({ delivered: true });
    const again = receiver.received.flatMap(({ json }) => json.Findings.map(({ Id }: { Id: string }) => Id));
    expect(again).toEqual([alertOf(1).id, alertOf(101).id]);
    await Promise.all([sink.close(), receiver.close()]);
  });

  it('is not taken for delivered when the answer does not say so', async () => {
    const { outcome } = await outcomeOf(open, (_, response) => void response.end('{}'));
    expect(outcome).toMatchObject({ delivered: false, reason: 'bad-answer' });
  });

  it.each<[number, string, FailureReason]>([
    [429, 'LimitExceededException', 'rate-limited'],
    [401, 'InvalidAccessException', 'unauthorized'],
    [403, 'AccessDeniedException', 'unauthorized'],
    [400, 'InvalidInputException', 'refused'],
    [404, 'ResourceNotFoundException', 'gone'],
    [500, 'InternalException', 'unavailable'],
  ])('understands an answer of %i %s', async (status, code, reason) => {
    const { outcome } = await outcomeOf(open, (_, response) => {
      const headers = { 'content-type': 'application/json', 'x-amzn-errortype': code };
      response.writeHead(status, headers).end(JSON.stringify({ Message: 'no', Code: code }));
    });
    expect(outcome).toMatchObject({ delivered: false, reason });
    expect(JSON.stringify(outcome)).toContain(code);
  });
});
