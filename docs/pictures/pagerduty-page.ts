import { escaped, HEIGHT } from './slack-page.ts';

interface Event {
  readonly payload: {
    readonly summary: string;
    readonly source: string;
    readonly severity: string;
    readonly component?: string;
    readonly group?: string;
    readonly class?: string;
    readonly timestamp: string;
    readonly custom_details: Readonly<Record<string, unknown>>;
  };
  readonly links?: readonly { readonly href: string; readonly text: string }[];
}

/** An incident as PagerDuty's page of an alert shows its event: summary, fields, custom details as a table. */
export function pagerDutyPage({ payload, links = [] }: Event): string {
  const { summary, custom_details: details, ...fields } = payload;
  const rows = Object.entries(fields).map(([name, value]) => row(name.toUpperCase(), value));
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><body>
<div class="top"><b>#1482</b> <span class="state">Triggered</span></div><h1>${escaped(summary)}</h1>
<table>${rows.join('')}</table><h2>CUSTOM DETAILS</h2>
<table>${Object.entries(details)
    .map(([name, value]) => row(name, value))
    .join('')}</table>
<h2>LINKS</h2>${links.map(({ text }) => `<a>${escaped(text)}</a>`).join('')}${HEIGHT}`;
}

function row(name: string, value: unknown): string {
  const isFlat = typeof value !== 'object' || value === null;
  const shown = isFlat ? escaped(String(value)) : `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`;
  return `<tr><th>${escaped(name)}</th><td>${shown}</td></tr>`;
}

const STYLE = `
  body { margin: 0; padding: 16px 24px; font: 14px/1.45 Lato, sans-serif; color: #1e293b; background: #fff }
  .top { color: #64748b }
  .state { background: #fde2e2; color: #b91c1c; border-radius: 3px; padding: 1px 8px; font-size: 12px; font-weight: 700 }
  h1 { font-size: 20px; margin: 6px 0 12px }
  h2 { font-size: 12px; letter-spacing: .05em; color: #64748b; margin: 14px 0 4px }
  table { border-collapse: collapse; width: 100% }
  th { text-align: left; vertical-align: top; width: 130px; font-weight: 700; color: #475569; padding: 3px 12px 3px 0; border-top: 1px solid #e2e8f0 }
  td { padding: 3px 0; border-top: 1px solid #e2e8f0; white-space: pre-wrap; overflow-wrap: anywhere }
  pre { margin: 0; font: 11.5px/1.4 "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere }
  a { color: #1d4ed8 }
`;
