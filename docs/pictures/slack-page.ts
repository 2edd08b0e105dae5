/** As much of Slack's Block Kit as our sink uses. */
interface Element {
  readonly type: string;
  readonly text?: string | { readonly text: string };
  readonly url?: string;
  readonly border?: number;
  readonly style?: string | { readonly bold?: boolean; readonly code?: boolean };
  readonly elements?: readonly Element[];
}

interface Payload {
  readonly attachments: readonly { readonly color: string; readonly blocks: readonly Element[] }[];
}

/** Messages as a channel shows them. */
export function slackPage(messages: readonly Payload[]): string {
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><body>${messages.map(messageHtml).join('')}${HEIGHT}`;
}

/** Tells how high a page is. */
export const HEIGHT =
  '<script>document.body.dataset.height = Math.ceil(document.documentElement.getBoundingClientRect().height)</script>';

function messageHtml({ attachments }: Payload): string {
  const bodies = attachments.map(
    ({ color, blocks }) =>
      `<div class="attachment"><i style="background:${escaped(color)}"></i><div>${blocks.map(html).join('')}</div></div>`,
  );
  return `<div class="message"><div class="avatar">◉</div><div class="body"><b>flowsentry</b> <span class="app">APP</span> <span class="time">12:50 PM</span>${bodies.join('')}</div></div>`;
}

function html(element: Element): string {
  const { type, style, text, url, elements = [] } = element;
  const inner = elements.map(html).join('');
  switch (type) {
    case 'header':
      return `<h1>${escaped(typeof text === 'object' ? text.text : '')}</h1>`;
    case 'rich_text':
      return inner;
    case 'rich_text_section':
      return `<p>${inner}</p>`;
    case 'rich_text_preformatted':
      return `<pre>${inner}</pre>`;
    case 'rich_text_list':
      return `<ul>${elements.map((item) => `<li>${(item.elements ?? []).map(html).join('')}</li>`).join('')}</ul>`;
    case 'divider':
      return '<hr>';
    case 'link':
      return `<a>${escaped(String(text ?? url))}</a>`;
    case 'text': {
      const shown = escaped(String(text));
      const { bold = false, code = false } = typeof style === 'object' ? style : {};
      return bold ? `<b>${shown}</b>` : code ? `<code>${shown}</code>` : shown;
    }
    default:
      throw new Error(`this picture knows no ${type}`);
  }
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Slack's light theme: font, sizes and colours. */
const STYLE = `
  body { margin: 0; padding: 14px 20px; font: 15px/1.46668 Lato, "Noto Color Emoji", sans-serif; color: #1d1c1d; background: #fff }
  .message { display: flex; gap: 8px; margin-bottom: 14px }
  .avatar { width: 36px; height: 36px; border-radius: 6px; background: #12263f; color: #7fd1ff; font-size: 22px; line-height: 36px; text-align: center }
  .body { flex: 1; min-width: 0 }
  .app { font-size: 10px; background: #ddd; color: #616061; border-radius: 2px; padding: 1px 3px }
  .time { font-size: 12px; color: #616061 }
  .attachment { display: flex; margin-top: 4px }
  .attachment > i { width: 4px; border-radius: 4px; margin-right: 12px; flex: none }
  .attachment > div { min-width: 0; max-width: 640px }
  h1 { font-size: 18px; line-height: 1.33; margin: 4px 0 8px; font-weight: 900 }
  p { margin: 0 0 8px; white-space: pre-wrap; overflow-wrap: anywhere }
  p + p { margin-top: 0 }
  ul { margin: 0 0 8px; padding-left: 26px }
  code { font: 12px/1.5 "DejaVu Sans Mono", monospace; color: #c01343; background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px; padding: 1px 3px; overflow-wrap: anywhere }
  pre { font: 12px/1.5 "DejaVu Sans Mono", monospace; margin: 4px 0 8px; padding: 8px; background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere }
  a { color: #1264a3 }
  hr { border: 0; border-top: 1px solid #ddd; margin: 8px 0 }
`;
