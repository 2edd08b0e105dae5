import type { Alert } from '../../contracts.ts';
import { type Message, total } from '../message.ts';
import {
  capital,
  colourOf,
  countsText,
  digestText,
  factsOf,
  grouped,
  headline,
  linkTo,
  meaningOf,
  nameOf,
  nextSteps,
  overText,
  plain,
  sentenceOf,
  trim,
  unlisted,
} from '../words/text.ts';

/** What Slack's documentation sets, and its undocumented limit of some 13,200 characters for all blocks (bolt-js #2509). */
const MOST = {
  header: 150,
  text: 3000,
  title: 300,
  value: 400,
  query: 1500,
  exception: 800,
  lines: 2000,
  listed: 10,
  fallback: 3000,
};

interface TextElement {
  readonly type: 'text' | 'link';
  readonly text: string;
  readonly url?: string;
  readonly style?: { readonly bold?: boolean; readonly code?: boolean };
}
type Block = Readonly<Record<string, unknown>>;

/** Alerts that are shown in full; more are a list. */
const FULL = 1;
/** Unicode, not `:name:`: names are not looked at, so that data has no pictures. */
const MARKS = { critical: '🟥', high: '🔴', medium: '🟠', low: '🔵', info: '⚪' } as const;

const text = (value: string, style?: TextElement['style']): TextElement => ({
  type: 'text',
  text: value,
  ...(style === undefined ? {} : { style }),
});
const section = (elements: readonly TextElement[]): Block => ({ type: 'rich_text_section', elements });
const rich = (...elements: readonly Block[]): Block => ({ type: 'rich_text', elements });

/**
 * The body of a message. All that comes from data stands in `plain_text` without emoji or in text elements of `rich_text`, which Slack shows as they
 * are: nobody is mentioned, nothing is linked or formatted by it.
 */
export function slackBody(message: Message, console: string | undefined): Record<string, unknown> {
  const { alerts } = message;
  const blocks: Block[] = [
    {
      type: 'header',
      text: { type: 'plain_text', text: trim(headerOf(message), MOST.header), emoji: false },
    },
  ];
  if (total(message.counts) > FULL) blocks.push(...listBlocks(message));
  else for (const alert of alerts.slice(0, FULL)) blocks.push(...alertBlocks(message, alert));
  if (message.dropped.length > 0)
    blocks.push(
      rich(
        section([
          text('Beside these, told of by number alone: ', { bold: true }),
          text(countsText(message.dropped)),
        ]),
      ),
    );
  const [first] = alerts;
  const link = first && linkTo(console, first);
  if (link !== undefined)
    blocks.push(rich(section([{ type: 'link', url: link, text: 'Look closer in flowsentry' }])));
  return {
    // What notifications show; blocks replace it where they are.
    text: escaped(trim(headline(message), MOST.fallback)),
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    attachments: [{ color: colourOf(message), blocks }],
    metadata: { event_type: 'flowsentry_alert', event_payload: { key: message.key, event: message.event } },
  };
}

function headerOf(message: Message): string {
  const mark = message.event === 'resolved' ? '✅' : MARKS[message.alerts[0]?.severity ?? 'info'];
  const [first] = message.alerts;
  const many = total(message.counts);
  const state = message.event === 'resolved' ? 'Resolved' : capital(message.alerts[0]?.severity ?? 'info');
  const test = message.test === true ? 'TEST · ' : '';
  if (many === 1 && first !== undefined && message.words?.title === undefined)
    return `${mark} ${test}${state} · ${nameOf(message, first)}`;
  return `${mark} ${headline(message)}`;
}

function alertBlocks(message: Message, alert: Alert): Block[] {
  const isOver = message.event === 'resolved';
  const blocks: Block[] = [
    rich(section([text(trim(sentenceOf(message, alert), MOST.title), { bold: true })])),
    ...named(isOver ? [['Over', overText(alert)]] : meaningOf(message, alert)),
    ...named(factsOf(message, alert)),
  ];
  const steps = isOver ? [] : nextSteps(message, alert);
  if (steps.length > 0) blocks.push(rich(section([text('What next', { bold: true })]), stepsList(steps)));
  if (alert.encrypted !== undefined) return [...blocks, literal(alert.encrypted, MOST.text)];
  if (!isOver && message.words?.alerts[alert.id]?.next === undefined)
    blocks.push(
      rich(section([text('The records, by flowsentry query')]), literal(alert.query, MOST.query)),
      rich(
        section([text('What mutes just this, in the configuration')]),
        literal(alert.exception, MOST.exception),
      ),
    );
  return blocks;
}

type Lines = readonly (readonly [name: string, value: string])[];

/** Each line cut, and only as many as there is room for. */
function fitted(all: Lines): Lines {
  let left = MOST.lines;
  return all
    .map(([name, value]) => [trim(name, MOST.value), trim(value, MOST.value)] as const)
    .filter(([name, value]) => {
      left -= name.length + value.length;
      return left > 0;
    });
}

/** `Name: value`, a line each. */
function named(all: Lines): Block[] {
  const lines = fitted(all);
  const last = lines.length - 1;
  const elements = lines.flatMap(([name, value], i) => [
    text(`${name}: `, { bold: true }),
    text(`${value}${i === last ? '' : '\n'}`),
  ]);
  return elements.length === 0 ? [] : [rich(section(elements))];
}

function stepsList(steps: Lines): Block {
  return {
    type: 'rich_text_list',
    style: 'bullet',
    elements: fitted(steps).map(([what, command]) =>
      section([
        text(`${capital(what)}: `),
        text(command, command.startsWith('flowsentry ') ? { code: true } : undefined),
      ]),
    ),
  };
}

/** To be copied: what lines there are stay, and all else is shown as it is. */
function literal(value: string, most: number): Block {
  const lines = trim(value.trimEnd(), most).split('\n').map(plain).join('\n');
  return { type: 'rich_text_preformatted', elements: [text(lines === '' ? ' ' : lines)] };
}

function listBlocks(message: Message): Block[] {
  const listed = message.alerts.slice(0, MOST.listed);
  const rest = unlisted(message, listed.length);
  const stateOf = (alert: Alert) => (alert.state === 'resolved' ? '✅ ' : `${MARKS[alert.severity]} `);
  return [
    ...(message.kind === 'digest' && message.words?.digest === undefined
      ? [
          rich(
            section([
              text(
                'More came at once than anybody reads one by one: how many of what, and the worst of them.',
              ),
            ]),
          ),
        ]
      : []),
    rich(
      section(
        [
          text(trim(digestText(message), MOST.text)),
          text(message.resolved > 0 ? `\n${grouped(message.resolved)} of them resolved` : ''),
        ].filter((element) => element.text !== ''),
      ),
    ),
    rich({
      type: 'rich_text_list',
      style: 'bullet',
      elements: [
        ...listed.map((alert) =>
          section([
            text(stateOf(alert)),
            text(`${trim(sentenceOf(message, alert), MOST.title)}  `),
            text(alert.id.slice(0, 8), { code: true }),
          ]),
        ),
        ...(rest > 0
          ? [section([text(`and ${grouped(rest)} more: `), text('flowsentry alerts list', { code: true })])]
          : []),
      ],
    }),
  ];
}

/** Slack's three characters, in the one text that it reads as markup where blocks are not shown. */
function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
