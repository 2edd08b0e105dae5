import { expect } from 'vitest';
import type { Answer, Received } from '../receiver.ts';

/** Rules of Slack's documentation that a message has to keep; `msg_blocks_too_long` is not in it (bolt-js #2509). */
export function problemOf(body: Received['json']): string | undefined {
  const blocks = body.attachments?.[0]?.blocks ?? [];
  if (typeof body.text !== 'string' || body.text === '') return 'no_text';
  if (body.text.length > 40_000) return 'msg_too_long';
  if (blocks.length > 50) return 'invalid_blocks';
  if (JSON.stringify(blocks).length > 13_200 * 2) return 'msg_blocks_too_long';
  let characters = 0;
  for (const { text } of textsOf(blocks)) characters += text.length;
  if (characters > 13_200) return 'msg_blocks_too_long';
  for (const block of blocks)
    if (block.type === 'header' && (block.text.type !== 'plain_text' || block.text.text.length > 150))
      return 'invalid_blocks';
  return undefined;
}

/** Every text of blocks, with where it stands. */
export function textsOf(
  blocks: Received['json'],
): { readonly type: string; readonly text: string; readonly emoji?: boolean }[] {
  const found: { type: string; text: string }[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) walk(one);
    else if (typeof value === 'object' && value !== null) {
      const one = value as { type?: string; text?: unknown };
      if (typeof one.text === 'string') found.push(one as { type: string; text: string });
      for (const inner of Object.values(value)) walk(inner);
    }
  };
  walk(blocks);
  return found;
}

/** Nothing in it is looked at by Slack but where we wrote it: no markup, no pictures, no mentions, no links but to the console. */
export function expectDeadText({ json }: Received): void {
  const blocks = json.attachments[0].blocks;
  for (const { type, ...element } of textsOf(blocks)) {
    expect(['plain_text', 'text']).toContain(type);
    if (type === 'plain_text') expect(element.emoji).toBe(false);
    expect(element.text).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]|[^\P{Cc}\n]/u);
  }
  expect(JSON.stringify(blocks)).not.toMatch(
    /"type":"(?:mrkdwn|link|user|channel|broadcast|emoji|usergroup|image|button|actions)"/,
  );
  expect(json.text).not.toMatch(/<|>|&(?!amp;|lt;|gt;)/);
  expect(json).toMatchObject({
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  });
}

/** Slack's API as far as its documentation goes: sizes, one message a second and channel, threads that exist. */
export function slackServer(token: string): {
  answer: Answer;
  readonly posted: Received['json'][];
  readonly updated: Received['json'][];
} {
  const posted: Received['json'][] = [];
  const updated: Received['json'][] = [];
  const last = new Map<string, number>();
  let n = 0;
  return {
    posted,
    updated,
    answer({ path, headers, json, at }, response) {
      const say = (value: object, code = 200, more = {}) =>
        response.writeHead(code, { 'content-type': 'application/json', ...more }).end(JSON.stringify(value));
      if (headers.authorization !== `Bearer ${token}`) return say({ ok: false, error: 'invalid_auth' });
      if (json.channel !== 'C0123456789') return say({ ok: false, error: 'channel_not_found' });
      const problem = problemOf(json);
      if (problem !== undefined) return say({ ok: false, error: problem });
      if (path === '/api/chat.update') {
        if (!posted.some(({ ts }) => ts === json.ts)) return say({ ok: false, error: 'message_not_found' });
        updated.push(json);
        return say({ ok: true, ts: json.ts });
      }
      if (path !== '/api/chat.postMessage') return say({ ok: false, error: 'unknown_method' });
      if (at - (last.get(json.channel) ?? 0) < 950)
        return say({ ok: false, error: 'ratelimited' }, 429, { 'retry-after': '1' });
      last.set(json.channel, at);
      const ts = `1700000000.${String(++n).padStart(6, '0')}`;
      posted.push({ ...json, ts });
      return say({ ok: true, channel: json.channel, ts });
    },
  };
}
