import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { irc } from './detector.ts';

const T0 = 1_760_054_400;
const bot: SessionLiteral = {
  src: '10.0.1.10',
  dst: '203.0.113.9',
  port: 6667,
  start: T0 - 300,
  bytesOut: 1200,
  bytesIn: 10_000,
};

function at(settings: Record<string, unknown> = {}) {
  const names = new Dictionary();
  const detector = irc.create(irc.config.parse(settings), plainContext({ names }));
  return (start: number, ...active: SessionLiteral[]): Finding[] => {
    const found: Finding[] = [];
    detector.step?.(stepOf({ start, active }, names), (finding) => found.push(finding));
    return found;
  };
}

itIsADetector(irc, {
  firing: [{ start: T0, active: [bot, { ...bot, src: 'fd00::10', dst: '2001:db8::9' }] }],
  tiny: { maxCases: 1 },
});

describe('irc', () => {
  it('tells a host in a channel, with numbers, query and exception', () => {
    const [finding, ...rest] = at()(T0, bot);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'medium',
      subject: '10.0.1.10',
      peer: '203.0.113.9',
      port: 6667,
      counterpart: '203.0.113.9 6667/tcp',
      exception: { subject: '10.0.1.10', peer: '203.0.113.9', port: 6667 },
    });
    expect(finding?.explanation.observed).toBe('a session of 6 min: 1.2 kB sent, 10 kB received');
  });

  it('is low for who chats or only answers PINGs, and is told as medium once it listens', () => {
    const show = at();
    const idle = { ...bot, bytesOut: 700, bytesIn: 650 };
    expect(show(T0, idle)).toMatchObject([{ severity: 'low', score: 0.25 }]);
    expect(show(T0 + 60, { ...idle, end: T0 + 119 })).toEqual([]);
    const listening = { ...idle, bytesIn: 2100, end: T0 + 179 };
    expect(show(T0 + 120, listening)).toMatchObject([{ severity: 'medium' }]);
    expect(at({ listenRatio: 0 })(T0, idle)).toMatchObject([{ severity: 'medium' }]);
  });

  it('knows the server by its port when the session looks turned round', () => {
    const turned = {
      ...bot,
      src: bot.dst,
      dst: bot.src,
      sport: 6667,
      port: 1027,
      bytesOut: 900,
      bytesIn: 90,
    };
    expect(at()(T0, turned)).toMatchObject([{ subject: '10.0.1.10', peer: '203.0.113.9', port: 6667 }]);
  });

  it('waits until the session has lasted', () => {
    const show = at();
    const young = { ...bot, start: T0 };
    expect(show(T0, young)).toEqual([]);
    expect(show(T0 + 60, { ...young, end: T0 + 119 })).toHaveLength(1);
  });

  it('tells a session again after six hours, and not before', () => {
    const show = at();
    let told = 0;
    for (let minute = 0; minute < 420; minute++)
      told += show(T0 + minute * 60, { ...bot, end: T0 + minute * 60 + 59 }).length;
    expect(told).toBe(2);
  });

  it('judges ends of which none is known to be ours', () => {
    expect(at()(T0, { ...bot, src: '198.51.100.7' })).toMatchObject([{ subject: '198.51.100.7' }]);
  });

  it('is quiet about servers of ours, other ports, short probes, silence and UDP', () => {
    const show = at();
    expect(show(T0, { ...bot, dst: '10.0.2.5' })).toEqual([]);
    expect(show(T0, { ...bot, src: '203.0.113.9', dst: '10.0.2.5' })).toEqual([]);
    expect(show(T0, { ...bot, port: 443 })).toEqual([]);
    expect(show(T0, { ...bot, start: T0 + 58 })).toEqual([]);
    expect(show(T0, { ...bot, bytesIn: 60 })).toEqual([]);
    expect(show(T0, { ...bot, protocol: 17 })).toEqual([]);
    expect(show(T0, { ...bot, sport: 6666 })).toEqual([]);
  });
});
