import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { createRoles } from '../../src/reference/roles.ts';
import { openTwins, type Twins } from '../../src/reference/twins.ts';
import { type SessionLiteral, shuffledStep, stepOf, wordsOf } from '../rows.ts';

const DAY = 86_400;
const START = 20_000 * DAY;
const WEB = { interface: 'eni-web' };
const DATABASE = { interface: 'eni-database' };
const OUTSIDE = ['203.0.113.7', '2001:db8::7'] as const;

function learning(names = new Dictionary(), twins = openTwins(undefined)) {
  const learn = (active: readonly SessionLiteral[], start = START): void =>
    twins.learn(stepOf({ start, active }, names));
  return { twins, learn };
}

function twinOf(twins: Twins, address: string): string | undefined {
  const twin = twins.find(wordsOf(address), 0);
  return twin && formatAddress(twin);
}

describe('both addresses of an interface', () => {
  it('are found from what it says to outside, either way', () => {
    const { twins, learn } = learning();
    learn([{ src: '10.0.1.5', dst: OUTSIDE[0], ...WEB }]);
    expect(twinOf(twins, '10.0.1.5')).toBeUndefined();

    learn([{ src: OUTSIDE[1], dst: 'fd00:1::5', ...WEB }], START + 60);

    expect(twinOf(twins, 'fd00:1::5')).toBe('10.0.1.5');
    expect(twinOf(twins, '10.0.1.5')).toBe('fd00:1::5');
    expect(twins.size).toBe(1);
  });

  it('are found from what it says inside as soon as it has two peers', () => {
    const { twins, learn } = learning();
    learn([{ src: '10.0.1.5', dst: OUTSIDE[0], ...WEB }]);
    learn([{ src: 'fd00:1::5', dst: 'fd00:2::9', ...WEB }]);
    expect(twins.size).toBe(0);

    learn([{ src: 'fd00:1::6', dst: 'fd00:1::5', ...WEB }]);

    expect(twinOf(twins, 'fd00:1::5')).toBe('10.0.1.5');
  });

  it('are found with one peer inside whose interface is known', () => {
    const { twins, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], ...WEB },
      { src: 'fd00:1::5', dst: 'fd00:2::9', ...WEB },
    ]);

    learn([{ src: 'fd00:2::9', dst: OUTSIDE[1], ...DATABASE }]);

    expect(twinOf(twins, 'fd00:1::5')).toBe('10.0.1.5');
  });

  it.each([
    ['passes on what others say', { src: '10.0.7.8', dst: OUTSIDE[0] }],
    ['has a second IPv4 address', { src: '10.0.1.6', dst: OUTSIDE[0] }],
    ['has a second IPv6 address', { src: 'fd00:1::6', dst: OUTSIDE[1] }],
  ])('are unknown when it %s', (_, session) => {
    const { twins, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], ...WEB },
      { src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB },
    ]);
    const before = twins.epoch;
    expect(twins.size).toBe(1);

    learn([{ ...session, ...WEB }]);

    expect(twins.size).toBe(0);
    expect(twinOf(twins, 'fd00:1::5')).toBeUndefined();
    expect(twins.epoch).not.toBe(before);
  });

  it('are unknown where two interfaces have the same one', () => {
    const { twins, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], interface: 'eni-a' },
      { src: 'fd00:1::5', dst: OUTSIDE[1], interface: 'eni-a' },
      { src: '10.0.1.5', dst: OUTSIDE[0], interface: 'eni-b' },
      { src: 'fd00:2::5', dst: OUTSIDE[1], interface: 'eni-b' },
    ]);

    expect(twinOf(twins, '10.0.1.5')).toBeUndefined();
    expect(twinOf(twins, 'fd00:1::5')).toBe('10.0.1.5');
    expect(twinOf(twins, 'fd00:2::5')).toBe('10.0.1.5');
  });

  it('are learnt from sessions with an interface and an end of ours', () => {
    const { twins, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], interface: '' },
      { src: 'fd00:1::5', dst: OUTSIDE[1], interface: '' },
      { src: OUTSIDE[0], dst: '198.51.100.1', ...WEB },
    ]);

    expect(twins.size).toBe(0);
  });

  it('are forgotten a month after the interface was seen last', () => {
    const { twins, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], ...WEB },
      { src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB },
    ]);
    learn([{ src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB }], START + 5 * DAY);

    learn([], START + 30 * DAY);
    expect(twins.size).toBe(1);

    // The IPv4 address was seen on the first day only.
    learn([], START + 31 * DAY);
    expect(twins.size).toBe(0);
  });

  it('are the same in any order of rows and after a restart', () => {
    const address = fc.constantFrom(
      '10.0.1.5',
      '10.0.1.6',
      '10.0.2.5',
      'fd00:1::5',
      'fd00:1::6',
      'fd00:2::5',
    );
    const session = fc.record({
      src: address,
      dst: fc.oneof(address, fc.constantFrom(...OUTSIDE)),
      interface: fc.constantFrom('eni-a', 'eni-b', 'eni-c'),
    });
    const sameFamily = ({ src, dst }: SessionLiteral): boolean => src.includes(':') === dst.includes(':');
    fc.assert(
      fc.property(
        fc.array(fc.array(session), { maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (steps, ranks) => {
          const names = new Dictionary();
          const straight = openTwins(undefined);
          let other = openTwins(undefined);
          for (const [i, rows] of steps.entries()) {
            const step = stepOf({ start: START + i * 60, active: rows.filter(sameFamily) }, names);
            straight.learn(step);
            other.learn(shuffledStep(step, () => ranks.next().value as number));
            other = openTwins(other.snapshot());
          }
          for (const { src } of steps.flat()) expect(twinOf(other, src)).toBe(twinOf(straight, src));
          expect(other.size).toBe(straight.size);
        },
      ),
    );
  });

  it('are not looked for past the limit, which is counted', () => {
    const { twins, learn } = learning();
    const many = Array.from({ length: 140_000 }, (_, i) => ({ interface: `eni-${i}` }));
    const active = [{ src: '10.0.1.5', dst: OUTSIDE[0], ...WEB }];
    twins.learn(stepOf({ start: START, active, interfaces: many }, new Dictionary()));

    expect(twins.overflow).toBe(1);
    learn([{ src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB }]);
    expect(twins.size).toBe(0);
  });
});

describe('the role of an IPv6 address', () => {
  const twins = { find: (words: Uint32Array) => (words[0] === 0xfd000001 ? wordsOf('10.0.1.5') : undefined) };

  it('is that of its host’s IPv4 address', () => {
    const roleOf = createRoles({ web: ['10.0.1.0/24'] }, { twins });
    expect(roleOf(wordsOf('fd00:1::5'), 0)).toBe('web');
    expect(createRoles({}, { twins })(wordsOf('fd00:1::5'), 0)).toBe('10.0.1.0/24');
    expect(roleOf(wordsOf('fd00:2::5'), 0)).toBe('fd00:2::/64');
  });

  it('is its own where somebody gave it one', () => {
    const roleOf = createRoles({ web: ['10.0.1.0/24'], six: ['fd00:1::/32'] }, { twins });
    expect(roleOf(wordsOf('fd00:1::5'), 0)).toBe('six');
  });

  it('is what the inventory says of either address', () => {
    const inventory = {
      roleAt: (words: Uint32Array, offset: number) =>
        formatAddress(words, offset) === '10.0.1.5' ? 'shop' : undefined,
    };
    expect(createRoles({ web: ['10.0.0.0/8'] }, { inventory, twins })(wordsOf('fd00:1::5'), 0)).toBe('shop');
  });
});
