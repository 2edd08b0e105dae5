import { z } from 'zod';
import type { Sink } from '../sink.ts';
import { AlertmanagerOptions, openAlertmanager } from './alertmanager.ts';
import { EmailOptions, openEmail } from './email.ts';
import { encrypting } from './encrypting.ts';
import { EventBridgeOptions, openEventBridge } from './eventbridge.ts';
import { FileSinkOptions, openFileSink, openStdout, StdoutSinkOptions } from './file.ts';
import { KafkaSinkOptions, openKafkaSink } from './kafka.ts';
import { openPagerDuty, PagerDutyOptions } from './pagerduty.ts';
import { openSecurityHub, SecurityHubOptions } from './security-hub.ts';
import { openSlack, SlackOptions } from './slack.ts';
import { openSns, SnsOptions } from './sns.ts';
import { openSqs, SqsOptions } from './sqs.ts';
import { openSyslog, SyslogOptions } from './syslog.ts';
import { openWebhook, WebhookOptions } from './webhook.ts';

const Types = z.discriminatedUnion('type', [
  SlackOptions,
  PagerDutyOptions,
  WebhookOptions,
  AlertmanagerOptions,
  EmailOptions,
  SyslogOptions,
  SnsOptions,
  SqsOptions,
  EventBridgeOptions,
  SecurityHubOptions,
  KafkaSinkOptions,
  FileSinkOptions,
  StdoutSinkOptions,
]);
/** A sink of any type. */
export const SinkOptions = Types.refine(
  (options) => options.encrypt === undefined || Object.keys(templatesOf(options)).length === 0,
  {
    path: ['templates'],
    error: 'go with no encrypt: their texts would be made of what is encrypted; take one of them away',
  },
);
export type SinkOptions = z.infer<typeof Types>;

/** What the sink says in the user's own words. */
function templatesOf(options: SinkOptions): object {
  return 'templates' in options ? options.templates : {};
}

/** Opens a sink; `console` is where links lead. Throws a UserError when its secrets or certificates cannot be used. */
export async function openSink(options: SinkOptions, console?: string): Promise<Sink> {
  const sink = await openWhole(options, console);
  const { encrypt, name, type } = options;
  if (encrypt === undefined) return sink;
  try {
    return await encrypting(sink, encrypt, name, MAX_JWE[type] ?? MAX_SHOWN_JWE);
  } catch (error) {
    await sink.close();
    throw error;
  }
}

/** Characters of a JWE: what any text that is shown may have, and what the other side takes in one text where that is less. */
const MAX_SHOWN_JWE = 4000;
const MAX_JWE: Readonly<Partial<Record<SinkOptions['type'], number>>> = { slack: 3000, 'security-hub': 2048 };

function openWhole(options: SinkOptions, console?: string): Promise<Sink> {
  switch (options.type) {
    case 'slack':
      return openSlack(options, console);
    case 'pagerduty':
      return openPagerDuty(options, console);
    case 'webhook':
      return openWebhook(options);
    case 'alertmanager':
      return openAlertmanager(options, console);
    case 'email':
      return openEmail(options, console);
    case 'syslog':
      return openSyslog(options, console);
    case 'sns':
      return openSns(options, console);
    case 'sqs':
      return openSqs(options, console);
    case 'eventbridge':
      return openEventBridge(options, console);
    case 'kafka':
      return openKafkaSink(options, console);
    case 'security-hub':
      return openSecurityHub(options, console);
    case 'file':
      return openFileSink(options, console);
    case 'stdout':
      return openStdout(options, console);
  }
}
