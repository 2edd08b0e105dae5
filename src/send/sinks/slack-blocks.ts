import type { Alert } from '../../contracts.ts';
import { type Message, total } from '../message.ts';
import {
  capital,
  colourOf,
  countsText,
  factsOf,
  headline,
  linkTo,
  nextSteps,
  plain,
  severitiesText,
  trim,
  unlisted,
} from '../text.ts';

/** What Slack's documentation sets, and its undocumented limit of some 13,200 characters for all blocks (bolt-js #2509). */
const MOST = { header: 150, text: 3000, title: 300, value: 400, query: 1500, listed: 10, fallback: 3000 };

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
  if (many === 1 && first !== undefined) return `${mark} ${test}${state} · ${first.detector}`;
  return `${mark} ${headline(message)}`;
}

function alertBlocks(message: Message, alert: Alert): Block[] {
  const facts = factsOf(alert).flatMap(([name, value]) => [
    text(`${name}: `, { bold: true }),
    text(`${trim(value, MOST.value)}\n`),
  ]);
  const blocks: Block[] = [
    rich(section([text(trim(plain(alert.title), MOST.title), { bold: true })])),
    rich(section(facts)),
  ];
  if (message.event === 'resolved') return blocks;
  blocks.push(
    rich(
      section([
        text('How it was judged: ', { bold: true }),
        text(trim(plain(alert.explanation.formula), MOST.value)),
      ]),
    ),
  );
  blocks.push(rich(section([text('What next', { bold: true })]), stepsList(alert)));
  return blocks;
}

function stepsList(alert: Alert): Block {
  return {
    type: 'rich_text_list',
    style: 'bullet',
    elements: nextSteps(alert).map(([what, command]) =>
      section([text(`${capital(what)}: `), text(command, { code: true })]),
    ),
  };
}

function listBlocks(message: Message): Block[] {
  const listed = message.alerts.slice(0, MOST.listed);
  const rest = unlisted(message, listed.length);
  const stateOf = (alert: Alert) => (alert.state === 'resolved' ? '✅ ' : `${MARKS[alert.severity]} `);
  return [
    rich(
      section(
        [
          text(`${severitiesText(message.counts)}: `, { bold: true }),
          text(trim(countsText(message.counts), MOST.text)),
          text(message.resolved > 0 ? `; ${message.resolved} of them resolved` : ''),
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
            text(trim(plain(alert.title), MOST.title)),
            text(`  ${alert.id.slice(0, 8)}`, { code: true }),
          ]),
        ),
        ...(rest > 0
          ? [section([text(`and ${rest} more: `), text('flowsentry alerts list', { code: true })])]
          : []),
      ],
    }),
  ];
}

/** Slack's three characters, in the one text that it reads as markup where blocks are not shown. */
function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
