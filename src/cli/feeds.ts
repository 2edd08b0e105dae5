import type { Command } from 'commander';
import { EXIT, UserError } from '../errors.ts';
import type { FactSource } from '../reference/facts/facts.ts';
import type { ReadyFeed } from '../reference/feeds/catalogue.ts';
import { configOption, dataOption, jsonOption } from './options.ts';
import { tableText } from './table.ts';
import { COMMAND, cut, grouped, lengthOf, print, safe, style, toJson } from './terminal.ts';

interface Options {
  readonly config?: string;
  readonly data: string;
  readonly json?: boolean;
}

export function addFeeds(program: Command): void {
  const command = program
    .command('feeds')
    .summary('lists of bad addresses')
    .description(
      'Shows feeds, configured ones and ready ones, and tries them; so too what `enrichment` names.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  flowsentry feeds list --config flowsentry.yaml\n  flowsentry feeds show spamhaus-drop\n  flowsentry feeds test feodo',
    );
  command
    .command('list', { isDefault: true })
    .description(
      'Lists the feeds of a configuration with what a data folder keeps of them, and the ready ones.',
    )
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry feeds list --config flowsentry.yaml --json')
    .action(list);
  command
    .command('show')
    .description('Shows a ready feed: address, terms, and what to write to switch it on.')
    .argument('<id>', 'id of a ready feed')
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry feeds show feodo')
    .action(show);
  command
    .command('test')
    .description(
      'Asks a feed once and says what its list would be, or why it would be refused. Keeps nothing; exits with 1 when it cannot be used.',
    )
    .argument('<name>', 'name of a configured feed or of an enrichment, or id of a ready feed')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  flowsentry feeds test own --config flowsentry.yaml')
    .action(test);
}

async function list({ config: file, data, json }: Options): Promise<void> {
  const [{ loadConfig }, { createFeedCache }, { READY_FEEDS }] = await Promise.all([
    import('../config.ts'),
    import('../reference/feeds/cache.ts'),
    import('../reference/feeds/catalogue.ts'),
  ]);
  const { feeds, enrichment } = await loadConfig(file);
  const cache = createFeedCache(`${data}/feeds`);
  const keptOf = async (name: string) => {
    const kept = await cache.read(name);
    return { networks: kept?.count, confirmed: kept && new Date(kept.confirmedAt * 1000).toISOString() };
  };
  const configured = [];
  for (const { name, url, file: path, category, interval } of feeds)
    configured.push({ name, url, file: path, category, interval, ...(await keptOf(name)) });
  const facts = [];
  for (const { name, type, url, file: path, interval } of enrichment)
    facts.push({ name, type, url, file: path, interval, ...(await keptOf(name)) });
  if (json === true) return print(toJson({ configured, enrichment: facts, ready: READY_FEEDS }));
  for (const [title, rows] of [
    ['configured', configured],
    ['enrichment', facts],
  ] as const) {
    if (rows.length === 0) continue;
    print(
      `${tableText(
        [title, 'networks', 'confirmed (UTC)', 'asked each', 'where'],
        rows.map(({ name, networks, confirmed, interval, url, file: path }) => [
          style('bold', safe(name)),
          networks === undefined ? 'none kept' : grouped(networks),
          confirmed?.slice(0, 16).replace('T', ' ') ?? '',
          lengthOf(interval),
          safe(url ?? path ?? ''),
        ]),
        [1],
      )}\n`,
    );
  }
  print(
    tableText(
      ['ready', 'what it lists', 'licence'],
      READY_FEEDS.map(({ id, lists, licence }) => [style('bold', id), lists, cut(licence, 40)]),
    ),
  );
  print(`\nswitch one on with "feeds: [{ use: ID }]"; more: ${COMMAND} feeds show ID`);
}

async function show(id: string, { json }: Options): Promise<void> {
  const feed = await readyOrFail(id, []);
  if (json === true) return print(toJson(feed));
  const lines = [
    `${style('bold', feed.id)}: ${feed.lists}`,
    '',
    ...Object.entries({
      address: feed.url,
      format: feed.format,
      category: feed.category,
      confidence: `${feed.confidence} of 100`,
      'asked each': lengthOf(feed.interval),
      licence: feed.licence,
      about: feed.about,
    }).map(([label, text]) => `${label.padEnd(12)}${text}`),
    '',
    'feeds:',
    `  - { use: ${feed.id} }`,
  ];
  print(lines.join('\n'));
}

async function test(name: string, { config: file, json }: Options): Promise<void> {
  const { loadConfig, parseConfig } = await import('../config.ts');
  const config = await loadConfig(file);
  const source = config.enrichment.find((one) => one.name === name);
  if (source !== undefined) return testFacts(source, json === true);
  let feed = config.feeds.find((one) => one.name === name);
  if (feed === undefined) {
    await readyOrFail(
      name,
      config.feeds.map((one) => one.name),
    );
    [feed] = parseConfig(`feeds: [{ use: ${name} }]`, 'ready').feeds;
  }
  const { loadIndicators } = await import('../reference/feeds/indicators.ts');
  const { indicators, problems } = await loadIndicators({
    feeds: feed === undefined ? [] : [feed],
    allow: config.allow,
    internal: config.network.internal,
  });
  const { size, categories } = indicators;
  if (json === true) print(toJson({ feed: name, networks: size, categories, problems }));
  else if (problems.length === 0)
    print(`${safe(name)}: ${style('green', `${grouped(size)} networks`)}: ${safe(categories.join(', '))}`);
  if (problems.length > 0) throw new UserError(problems.join('; '));
}

async function testFacts(source: FactSource, json: boolean): Promise<void> {
  const [{ factReader }, { loadList }] = await Promise.all([
    import('../reference/facts/facts.ts'),
    import('../reference/feeds/load.ts'),
  ]);
  const read = factReader(source);
  let networks = 0;
  const { problems } = await loadList(
    source,
    (bytes, last) => {
      const found = read(bytes, last);
      if (typeof found !== 'string') networks = found.count;
      return found;
    },
    { offline: false },
  );
  const { name, type } = source;
  if (json) print(toJson({ feed: name, type, networks, problems }));
  else if (problems.length === 0)
    print(`${safe(name)}: ${style('green', `${grouped(networks)} networks`)}: ${type}`);
  if (problems.length > 0) throw new UserError(problems.join('; '));
}

async function readyOrFail(id: string, configured: readonly string[]): Promise<ReadyFeed> {
  const { READY_FEEDS } = await import('../reference/feeds/catalogue.ts');
  const feed = READY_FEEDS.find((one) => one.id === id);
  if (feed !== undefined) return feed;
  const known = [...configured, ...READY_FEEDS.map((one) => one.id)];
  throw new UserError(`no such feed: ${JSON.stringify(id)}; there are ${known.join(', ')}`, {
    exitCode: EXIT.usage,
  });
}
