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
  nextSteps,
  plain,
  sentenceOf,
  trim,
  unlisted,
} from '../words/text.ts';

/** Characters and lines: a mail is read, not searched. */
const MOST = {
  subject: 200,
  sentence: 500,
  name: 100,
  value: 600,
  counts: 3000,
  query: 3000,
  exception: 2000,
  listed: 20,
};

type Line = readonly [what: string, value: string];

/** What a mail says, in both of its forms. */
type Part =
  | {
      readonly kind: 'headline' | 'sentence' | 'heading' | 'list' | 'copied';
      readonly lines: readonly string[];
    }
  | { readonly kind: 'facts' | 'commands'; readonly lines: readonly Line[] }
  | { readonly kind: 'link'; readonly url: string; readonly text: string };

export interface Content {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Programs make links of what looks like one, also in plain text: addresses that begin with a scheme, and names of hosts. */
const SCHEMES = /\b(https?|ftp|file|mailto|tel|sms|javascript|data|vbscript):/gi;
const HOSTS = /(?<=[\p{L}\p{N}-])\.(?=\p{L}{2})/gu;

/** Text from data: nothing in it is a link, and all of it can be seen. */
function dead(text: string, most: number): string {
  return trim(plain(text), most).replace(SCHEMES, '$1[:]').replace(HOSTS, '[.]');
}

/** The same for text of several lines. */
function deadLines(text: string, most: number): string[] {
  return trim(text.trimEnd(), most)
    .split('\n')
    .map((line) => dead(line, most));
}

/** A message as a mail: the same content as text and as HTML. */
export function contentOf(message: Message, console: string | undefined): Content {
  const parts = partsOf(message, console);
  return {
    subject: dead(headline(message), MOST.subject),
    text: `${parts.map(toText).join('\n\n')}\n`,
    html: page(colourOf(message), parts.map(toHtml).join('\n')),
  };
}

function partsOf(message: Message, console: string | undefined): Part[] {
  const { alerts, counts, dropped, resolved } = message;
  const [first] = alerts;
  const parts: Part[] = [{ kind: 'headline', lines: [dead(headline(message), MOST.sentence)] }];
  if (first !== undefined && total(counts) === 1) parts.push(...alertParts(message, first));
  else {
    const lines = deadLines(digestText(message), MOST.counts);
    if (resolved > 0) lines.push(`${grouped(resolved)} of them resolved`);
    parts.push({ kind: 'sentence', lines }, listPart(message));
  }
  if (dropped.length > 0)
    parts.push({
      kind: 'sentence',
      lines: [`Beside these, told of by number alone: ${trim(countsText(dropped), MOST.counts)}`],
    });
  const link = first && linkTo(console, first);
  if (link !== undefined) parts.push({ kind: 'link', url: link, text: 'Look closer in flowsentry' });
  return parts;
}

function alertParts(message: Message, alert: Alert): Part[] {
  const isOver = message.event === 'resolved';
  const named = (lines: readonly Line[]): Part[] =>
    lines.length === 0
      ? []
      : [
          {
            kind: 'facts',
            lines: lines.map(([name, value]): Line => [dead(name, MOST.name), dead(value, MOST.value)]),
          },
        ];
  const parts: Part[] = [{ kind: 'sentence', lines: [dead(sentenceOf(message, alert), MOST.sentence)] }];
  if (!isOver) parts.push(...named(meaningOf(message, alert)));
  parts.push(...named(factsOf(message, alert)));
  if (alert.encrypted !== undefined) {
    parts.push({
      kind: 'sentence',
      lines: ['What is encrypted is attached: flowsentry decrypt alerts.json'],
    });
    return parts;
  }
  if (isOver) return parts;
  parts.push({ kind: 'heading', lines: ['What next'] }, { kind: 'commands', lines: stepsOf(message, alert) });
  if (message.words?.alerts[alert.id]?.next !== undefined) return parts;
  return [
    ...parts,
    { kind: 'heading', lines: ['The records, by flowsentry query'] },
    { kind: 'copied', lines: deadLines(alert.query, MOST.query) },
    { kind: 'heading', lines: ['What mutes just this, in the configuration'] },
    { kind: 'copied', lines: deadLines(alert.exception, MOST.exception) },
  ];
}

/** Commands are ours; what a template says may have data in it. */
function stepsOf(message: Message, alert: Alert): Line[] {
  return nextSteps(message, alert).map(
    ([what, command]): Line => [dead(capital(what), MOST.name), dead(command, MOST.value)],
  );
}

function listPart(message: Message): Part {
  const listed = message.alerts.slice(0, MOST.listed);
  const rest = unlisted(message, listed.length);
  const lines = listed.map((alert) => {
    const what = alert.state === 'resolved' ? 'resolved' : alert.severity;
    return `${what}: ${dead(sentenceOf(message, alert), MOST.sentence)} (${alert.id.slice(0, 8)})`;
  });
  return {
    kind: 'list',
    lines: rest > 0 ? [...lines, `and ${grouped(rest)} more: flowsentry alerts list`] : lines,
  };
}

function toText(part: Part): string {
  switch (part.kind) {
    case 'headline':
    case 'sentence':
    case 'heading':
    case 'copied':
      return part.lines.join('\n');
    case 'list':
      return part.lines.map((line) => `- ${line}`).join('\n');
    case 'facts':
    case 'commands':
      return part.lines.map(([name, value]) => `${name}: ${value}`).join('\n');
    case 'link':
      return `${part.text}: ${part.url}`;
  }
}

function toHtml(part: Part): string {
  switch (part.kind) {
    case 'headline':
      return `<h1 style="font-size:18px;margin:0 0 12px">${part.lines.map(escaped).join('<br>')}</h1>`;
    case 'heading':
      return `<h2 style="font-size:14px;margin:16px 0 4px">${part.lines.map(escaped).join('<br>')}</h2>`;
    case 'sentence':
      return `<p>${part.lines.map(escaped).join('<br>')}</p>`;
    case 'copied':
      return `<pre>${part.lines.map(escaped).join('\n')}</pre>`;
    case 'list':
      return `<ul>${part.lines.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`;
    case 'facts':
      return `<table style="border-collapse:collapse">${part.lines.map(factRow).join('')}</table>`;
    case 'commands':
      return `<ul>${part.lines.map(([what, command]) => `<li>${escaped(what)}: <code>${escaped(command)}</code></li>`).join('')}</ul>`;
    case 'link':
      return `<p><a href="${escaped(part.url)}">${escaped(part.text)}</a></p>`;
  }
}

function factRow([name, value]: Line): string {
  const cell = 'vertical-align:top;padding:2px 12px 2px 0';
  return `<tr><th scope="row" style="text-align:left;${cell}">${escaped(name)}</th><td style="${cell}">${escaped(value)}</td></tr>`;
}

/** Nothing is loaded from anywhere, and phones do not make numbers of addresses. */
function page(colour: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no"></head>
<body style="font-family:sans-serif;font-size:14px"><div style="border-left:4px solid ${colour};padding-left:12px">
${body}
</div></body></html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
