import { type Command, Option } from 'commander';
import type { Config } from '../config.ts';
import type { Alert } from '../contracts.ts';
import { UserError } from '../errors.ts';
import type { Message } from '../send/message.ts';
import type { Outcome, Sink } from '../send/sink.ts';
import { findAlert } from './find-alert.ts';
import { dataOption, jsonOption } from './options.ts';
import { note, print, safe, style, toJson } from './terminal.ts';

const configOption = (): Option => new Option('--config <file>', 'configuration file').makeOptionMandatory();

export function addSinks(program: Command): void {
  const command = program
    .command('sinks')
    .summary('who is told of alerts, and how')
    .description('Tries sinks of a configuration, and shows what they would be told.')
    .addHelpText(
      'after',
      '\nExamples:\n  flowsentry sinks test --config flowsentry.yaml\n  flowsentry sinks preview security --alert 1f3a90c2 --config flowsentry.yaml',
    );
  command
    .command('test')
    .description(
      'Sends a test alert, marked as one, to a sink or to all, and says what the other side answers. Exits with 1 when one does not take it.',
    )
    .argument('[sink]', 'name of a sink; without it all')
    .addOption(configOption())
    .addOption(jsonOption('print JSON Lines'))
    .addHelpText('after', '\nExample:\n  flowsentry sinks test on-call --config flowsentry.yaml')
    .action(test);
  command
    .command('preview')
    .description('Shows what a sink would be told of alerts, without its secrets, and sends nothing.')
    .argument('<sink>', 'name of a sink')
    .option(
      '--alert <id...>',
      'ids of alerts, or the beginnings of them; several make a digest, none a test alert',
    )
    .option('--resolved', 'that it is over')
    .addOption(configOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      '\nExamples:\n  flowsentry sinks preview security --alert 1f3a90c2 --config flowsentry.yaml\n  flowsentry sinks preview security --alert 1f3a90c2 76ffbd70 --config flowsentry.yaml',
    )
    .action(preview);
}

async function openOne(config: Config, name: string): Promise<Sink> {
  const { openSink } = await import('../send/sinks/index.ts');
  const options = config.sinks.find((sink) => sink.name === name);
  if (options === undefined)
    throw new UserError(
      `no such sink: ${name}; the configuration has ${config.sinks.map((sink) => sink.name).join(', ') || 'none'}`,
      { exitCode: 2 },
    );
  return openSink(options, config.console);
}

const ATTEMPT_MS = 10_000;

async function test(
  name: string | undefined,
  { config: file, json }: { readonly config: string; readonly json?: boolean },
): Promise<void> {
  const { loadConfig } = await import('../config.ts');
  const config = await loadConfig(file);
  const names = name === undefined ? config.sinks.map((sink) => sink.name) : [name];
  if (names.length === 0) throw new UserError('cannot test: the configuration names no sinks');
  let failed = 0;
  for (const one of names) {
    const outcome = await tryOne(config, one);
    if (!outcome.delivered) failed++;
    if (json === true) print(toJson({ sink: one, ...outcome }));
    else if (outcome.delivered)
      print(`${safe(one)}: ${style('green', 'delivered')}, it answered: ${safe(outcome.answer)}`);
    else print(`${safe(one)}: ${style('red', outcome.reason)}: ${safe(outcome.detail)}`);
  }
  if (failed > 0) throw new UserError(`${failed} of ${names.length} sinks did not take the test alert`);
}

async function tryOne(config: Config, name: string): Promise<Outcome> {
  const sink = await openOne(config, name);
  try {
    const alert = testAlert();
    const opened = await sink.deliver(
      await messageOf(config, name, [alert], sink, {}),
      AbortSignal.timeout(ATTEMPT_MS),
    );
    // Nobody has to close the incident of a test.
    if (opened.delivered && sink.traits.unit === 'alert') {
      const over = await messageOf(config, name, [{ ...alert, state: 'resolved' }], sink, {
        event: 'resolved',
      });
      await sink.deliver(over, AbortSignal.timeout(ATTEMPT_MS));
    }
    return opened;
  } finally {
    await sink.close();
  }
}

async function preview(
  name: string,
  options: {
    readonly config: string;
    readonly data: string;
    readonly alert?: readonly string[];
    readonly resolved?: boolean;
  },
): Promise<void> {
  const { loadConfig } = await import('../config.ts');
  const config = await loadConfig(options.config);
  const found =
    options.alert === undefined
      ? [testAlert()]
      : await Promise.all(options.alert.map((id) => findAlert(options.data, id)));
  const isOver = options.resolved === true || found.every(({ state }) => state === 'resolved');
  const event = isOver ? 'resolved' : 'firing';
  const alerts = isOver ? found.map((alert): Alert => ({ ...alert, state: 'resolved' })) : found;
  const sink = await openOne(config, name);
  try {
    print(sink.preview(await messageOf(config, name, alerts, sink, { event })));
  } finally {
    await sink.close();
  }
}

async function messageOf(
  { sinks, console }: Config,
  sink: string,
  alerts: readonly Alert[],
  { traits }: Sink,
  more: Partial<Message>,
): Promise<Message> {
  const [{ bySeverity, countsOf, messageKey }, { createWording }, { guideOf }] = await Promise.all([
    import('../send/message.ts'),
    import('../send/words/wording.ts'),
    import('../../detectors/index.ts'),
  ]);
  const now = Date.now();
  const covers = alerts.map(({ id, state, severity }) => ({ id, state, severity }));
  const [only] = alerts.length === 1 ? alerts : [];
  const unit = only?.id ?? 'digest-preview';
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  const message: Message = {
    key: messageKey(sink, unit, now, 1, covers),
    kind: only === undefined && traits.folds ? 'digest' : traits.unit,
    ...{ sink, unit, event: 'firing', repeat: false },
    labels: only === undefined ? {} : { detector: only.detector, subject: only.subject },
    firing,
    resolved: alerts.length - firing,
    counts: countsOf(alerts),
    alerts: alerts.toSorted(bySeverity),
    dropped: [],
    at: new Date(now).toISOString(),
    ...(only?.detector === TEST ? { test: true } : {}),
    ...more,
  };
  const options = sinks.find(({ name }) => name === sink);
  const wording = createWording({
    guideOf,
    console,
    templates: options !== undefined && 'templates' in options ? options.templates : undefined,
    onFailure: (template, why) => note(`the template ${template} fails, and our own text is sent: ${why}`),
  });
  return { ...message, words: wording(message) };
}

const TEST = 'test';

/** Addresses of documentation (RFC 5737): nobody's. */
function testAlert(): Alert {
  const at = new Date().toISOString();
  return {
    id: `${Date.now().toString(16)}`.padStart(32, 'f'),
    detector: TEST,
    severity: 'info',
    state: 'firing',
    title: 'a test of flowsentry: nothing has happened',
    subject: '192.0.2.1',
    peer: '198.51.100.1',
    port: 443,
    protocol: 6,
    firstSeen: at,
    lastSeen: at,
    count: 1,
    score: 0,
    attack: [],
    explanation: { observed: 1, baseline: 0, threshold: 1, formula: 'somebody ran flowsentry sinks test' },
    samples: [],
    query: 'SELECT 1',
    exception: '',
  };
}
