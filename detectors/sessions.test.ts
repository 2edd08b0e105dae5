import { describe, expect, it } from 'vitest';
import { type SessionLiteral, stepOf } from '../test/rows.ts';
import { beginsConversation } from './sessions.ts';

const telnet: SessionLiteral = { src: '10.0.1.5', dst: '203.0.113.9', port: 23 };
/** The same session in a later step: all packets so far, and those of the step. */
const later: SessionLiteral = { ...telnet, state: ['accepted', 'established'] };

describe('a conversation', () => {
  const begins = (row: SessionLiteral): boolean =>
    beginsConversation(stepOf({ start: 1_760_054_400, active: [row] }).active, 0);

  it('begins when both ends have spoken', () => {
    expect(begins(telnet)).toBe(true);
    expect(begins({ ...telnet, protocol: 17, packetsOut: 1, packetsIn: 1 })).toBe(true);
  });

  it('does not begin with a question that nobody answers, nor with an attempt that is refused', () => {
    expect(begins({ ...telnet, protocol: 17, packetsOut: 100, packetsIn: 0 })).toBe(false);
    expect(begins({ ...telnet, packetsOut: 1, packetsIn: 1 })).toBe(false);
    expect(begins({ ...telnet, state: ['rejected', 'first'] })).toBe(false);
  });

  it('begins a step later when a capture window ended within the handshake', () => {
    expect(begins({ ...telnet, packetsOut: 1, packetsIn: 1 })).toBe(false);
    expect(begins({ ...later, packetsOut: 11, packetsIn: 17, stepPacketsOut: 10, stepPacketsIn: 16 })).toBe(
      true,
    );
  });

  it('begins once', () => {
    expect(begins({ ...later, packetsOut: 20, packetsIn: 30, stepPacketsOut: 10, stepPacketsIn: 14 })).toBe(
      false,
    );
  });
});
