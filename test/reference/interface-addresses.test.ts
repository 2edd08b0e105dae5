import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../../src/columns/address.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import { SCOPE } from '../../src/columns/session-batch.ts';
import { type InterfaceAddresses, openInterfaceAddresses } from '../../src/reference/interface-addresses.ts';
import { createRoles } from '../../src/reference/roles.ts';
import { createScopes } from '../../src/reference/scopes.ts';
import { type SessionLiteral, shuffledStep, stepOf, wordsOf } from '../rows.ts';

const DAY = 86_400;
const START = 20_000 * DAY;
const WEB = { interface: 'eni-web' };
const DATABASE = { interface: 'eni-database' };
const OUTSIDE = ['203.0.113.7', '2001:db8::7'] as const;

const open = (saved?: Uint8Array): InterfaceAddresses => openInterfaceAddresses(saved, { internal: [] });

function learning(names = new Dictionary(), addresses = open()) {
  const learn = (active: readonly SessionLiteral[], start = START): boolean =>
    addresses.learn(stepOf({ start, active }, names));
  return { addresses, learn };
}

function twinOf(addresses: InterfaceAddresses, address: string): string | undefined {
  const twin = addresses.twinOf(wordsOf(address), 0);
  return twin && formatAddress(twin);
}

/** IPv6 addresses of these tests that have a twin. */
const pairsOf = (addresses: InterfaceAddresses): number =>
  ['fd00:1::5', 'fd00:1::6', 'fd00:2::5', 'fd00:2::9', '2600:1f18::6', '2600:1f18::7'].filter(
    (address) => twinOf(addresses, address) !== undefined,
  ).length;

describe('both addresses of an interface', () => {
  it('are found from what it says to outside, either way', () => {
    const { addresses, learn } = learning();
    learn([{ src: '10.0.1.5', dst: OUTSIDE[0], ...WEB }]);
    expect(twinOf(addresses, '10.0.1.5')).toBeUndefined();

    learn([{ src: OUTSIDE[1], dst: 'fd00:1::5', ...WEB }], START + 60);

    expect(twinOf(addresses, 'fd00:1::5')).toBe('10.0.1.5');
    expect(twinOf(addresses, '10.0.1.5')).toBe('fd00:1::5');
    expect(pairsOf(addresses)).toBe(1);
  });

  it('are found from what it says inside as soon as it has two peers', () => {
    const { addresses, learn } = learning();
    learn([{ src: '10.0.1.5', dst: OUTSIDE[0], ...WEB }]);
    learn([{ src: 'fd00:1::5', dst: 'fd00:2::9', ...WEB }]);
    expect(pairsOf(addresses)).toBe(0);

    learn([{ src: 'fd00:1::6', dst: 'fd00:1::5', ...WEB }]);

    expect(twinOf(addresses, 'fd00:1::5')).toBe('10.0.1.5');
  });

  it('are found with one peer inside whose interface is known', () => {
    const { addresses, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], ...WEB },
      { src: 'fd00:1::5', dst: 'fd00:2::9', ...WEB },
    ]);

    learn([{ src: 'fd00:2::9', dst: OUTSIDE[1], ...DATABASE }]);

    expect(twinOf(addresses, 'fd00:1::5')).toBe('10.0.1.5');
  });

  it.each([
    ['passes on what others say', { src: '10.0.7.8', dst: OUTSIDE[0] }],
    ['has a second IPv4 address', { src: '10.0.1.6', dst: OUTSIDE[0] }],
    ['has a second IPv6 address', { src: 'fd00:1::6', dst: OUTSIDE[1] }],
  ])('are unknown when it %s', (_, session) => {
    const { addresses, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], ...WEB },
      { src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB },
    ]);
    const before = addresses.epoch;
    expect(pairsOf(addresses)).toBe(1);

    learn([{ ...session, ...WEB }]);

    expect(pairsOf(addresses)).toBe(0);
    expect(twinOf(addresses, 'fd00:1::5')).toBeUndefined();
    expect(addresses.epoch).not.toBe(before);
  });

  it('are unknown where two interfaces have the same one', () => {
    const { addresses, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], interface: 'eni-a' },
      { src: 'fd00:1::5', dst: OUTSIDE[1], interface: 'eni-a' },
      { src: '10.0.1.5', dst: OUTSIDE[0], interface: 'eni-b' },
      { src: 'fd00:2::5', dst: OUTSIDE[1], interface: 'eni-b' },
    ]);

    expect(twinOf(addresses, '10.0.1.5')).toBeUndefined();
    expect(twinOf(addresses, 'fd00:1::5')).toBe('10.0.1.5');
    expect(twinOf(addresses, 'fd00:2::5')).toBe('10.0.1.5');
  });

  it('are learnt from sessions with an interface and an end of ours', () => {
    const { addresses, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], interface: '' },
      { src: 'fd00:1::5', dst: OUTSIDE[1], interface: '' },
      { src: OUTSIDE[0], dst: '198.51.100.1', ...WEB },
    ]);

    expect(pairsOf(addresses)).toBe(0);
  });

  it('are forgotten a month after the interface was seen last', () => {
    const { addresses, learn } = learning();
    learn([
      { src: '10.0.1.5', dst: OUTSIDE[0], ...WEB },
      { src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB },
    ]);
    learn([{ src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB }], START + 5 * DAY);

    learn([], START + 30 * DAY);
    expect(pairsOf(addresses)).toBe(1);

    // The IPv4 address was seen on the first day only.
    learn([], START + 31 * DAY);
    expect(pairsOf(addresses)).toBe(0);
  });

  it('are the same in any order of rows and after a restart', () => {
    const ours = ['10.0.1.5', '10.0.1.6', '147.32.84.5', 'fd00:1::5', '2600:1f18::6', '2600:1f18::7'];
    const address = fc.constantFrom(...ours);
    const outside = fc.constantFrom(...OUTSIDE, '8.8.8.8', '9.9.9.9', '2a00:1450::1', '2606:4700::1');
    const session = fc.record({
      src: address,
      dst: fc.oneof(address, outside),
      interface: fc.constantFrom('eni-a', 'eni-b', 'eni-c'),
    });
    const sameFamily = ({ src, dst }: SessionLiteral): boolean => src.includes(':') === dst.includes(':');
    fc.assert(
      fc.property(
        fc.array(fc.array(session), { maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (steps, ranks) => {
          const names = new Dictionary();
          const straight = open();
          let other = open();
          for (const [i, rows] of steps.entries()) {
            const step = stepOf({ start: START + i * 60, active: rows.filter(sameFamily) }, names);
            straight.learn(step);
            other.learn(shuffledStep(step, () => ranks.next().value as number));
            other = open(other.snapshot());
          }
          for (const { src } of steps.flat()) {
            expect(twinOf(other, src)).toBe(twinOf(straight, src));
            expect(other.isOurs(wordsOf(src), 0)).toBe(straight.isOurs(wordsOf(src), 0));
          }
          expect(pairsOf(other)).toBe(pairsOf(straight));
        },
      ),
    );
  });

  it('are not looked for past the limit, which is counted', () => {
    const { addresses, learn } = learning();
    const many = Array.from({ length: 140_000 }, (_, i) => ({ interface: `eni-${i}` }));
    const active = [{ src: '10.0.1.5', dst: OUTSIDE[0], ...WEB }];
    addresses.learn(stepOf({ start: START, active, interfaces: many }, new Dictionary()));

    expect(addresses.overflow).toBe(1);
    learn([{ src: 'fd00:1::5', dst: OUTSIDE[1], ...WEB }]);
    expect(pairsOf(addresses)).toBe(0);
  });
});

describe('a public address of an interface', () => {
  const HOST = { interface: 'eni-host' };
  const peers = ['198.51.100.1', '203.0.113.1', '192.0.2.1'];
  const isOurs = (addresses: InterfaceAddresses, address: string): boolean =>
    addresses.isOurs(wordsOf(address), 0);
  const scopeOf = (addresses: InterfaceAddresses, address: string) =>
    createScopes({ internal: [], isOurs: addresses.isOurs })(wordsOf(address), 0);

  it('is ours when it spoke with three networks outside, either way', () => {
    const { addresses, learn } = learning();
    learn([
      { src: '147.32.84.165', dst: peers[0]!, ...HOST },
      { src: peers[1]!, dst: '147.32.84.165', ...HOST },
    ]);
    expect(isOurs(addresses, '147.32.84.165')).toBe(false);

    learn([{ src: '147.32.84.165', dst: peers[2]!, ...HOST }]);

    expect(scopeOf(addresses, '147.32.84.165')).toBe(SCOPE.internal);
    expect(scopeOf(addresses, '147.32.84.166')).toBe(SCOPE.public);
    expect(scopeOf(addresses, peers[0]!)).toBe(SCOPE.public);
  });

  it('is ours with all of its /56 in IPv6, and has a twin then', () => {
    const { addresses, learn } = learning();
    const outside = ['2001:db8::1', '2a00:1450::1', '2606:4700::1'];
    learn([{ src: '10.0.1.5', dst: peers[0]!, ...HOST }]);
    learn(outside.map((dst) => ({ src: '2600:1f18:a:0108::5', dst, ...HOST })));

    expect(scopeOf(addresses, '2600:1f18:a:01ff::9')).toBe(SCOPE.internal);
    expect(scopeOf(addresses, '2600:1f18:a:0200::9')).toBe(SCOPE.public);
    expect(twinOf(addresses, '2600:1f18:a:0108::5')).toBe('10.0.1.5');
  });

  it('is not ours for neighbours, private peers, or as the one peer of a firewall', () => {
    const { addresses, learn } = learning();
    learn([1, 2, 3, 4].map((i) => ({ src: '147.32.84.165', dst: `147.32.1.${i}`, ...HOST })));
    learn([1, 2, 3, 4].map((i) => ({ src: `10.${i}.0.1`, dst: peers[0]!, interface: 'eni-firewall' })));

    expect(isOurs(addresses, '147.32.84.165')).toBe(false);
    expect(isOurs(addresses, peers[0]!)).toBe(false);
  });

  it('is not ours any more when the interface shows sessions without it', () => {
    const { addresses, learn } = learning();
    learn(peers.map((dst) => ({ src: '147.32.84.165', dst, ...HOST })));
    expect(isOurs(addresses, '147.32.84.165')).toBe(true);

    learn([{ src: '147.32.84.166', dst: '8.8.8.8', ...HOST }]);

    expect(isOurs(addresses, '147.32.84.165')).toBe(false);
  });
});

describe('open sessions', () => {
  const from = (source: string, name: string): SessionLiteral[] =>
    ['198.51.100.1', '203.0.113.1', '192.0.2.1'].map((dst) => ({ src: source, dst, interface: name }));

  it('are asked for once more when an address is known as ours, and ten minutes later for all that came meanwhile', () => {
    const { addresses, learn } = learning();
    expect(learn([{ src: '10.0.1.5', dst: '198.51.100.1', ...WEB }])).toBe(false);
    expect(learn(from('147.32.84.1', 'eni-1'), START + 60)).toBe(true);
    expect(learn(from('147.32.84.2', 'eni-2'), START + 120)).toBe(false);
    const later = openInterfaceAddresses(addresses.snapshot(), { internal: [] });
    expect(later.learn(stepOf({ start: START + 600 }))).toBe(false);
    expect(later.learn(stepOf({ start: START + 660 }))).toBe(true);
    expect(later.learn(stepOf({ start: START + 1320 }))).toBe(false);
  });
});

describe('the role of an IPv6 address', () => {
  const addresses = {
    twinOf: (words: Uint32Array) => (words[0] === 0xfd000001 ? wordsOf('10.0.1.5') : undefined),
  };

  it('is that of its host’s IPv4 address', () => {
    const roleOf = createRoles({ web: ['10.0.1.0/24'] }, { addresses });
    expect(roleOf(wordsOf('fd00:1::5'), 0)).toBe('web');
    expect(createRoles({}, { addresses })(wordsOf('fd00:1::5'), 0)).toBe('10.0.1.0/24');
    expect(roleOf(wordsOf('fd00:2::5'), 0)).toBe('fd00:2::/64');
  });

  it('is its own where somebody gave it one', () => {
    const roleOf = createRoles({ web: ['10.0.1.0/24'], six: ['fd00:1::/32'] }, { addresses });
    expect(roleOf(wordsOf('fd00:1::5'), 0)).toBe('six');
  });

  it('is what the inventory says of either address', () => {
    const inventory = {
      roleAt: (words: Uint32Array, offset: number) =>
        formatAddress(words, offset) === '10.0.1.5' ? 'shop' : undefined,
    };
    expect(createRoles({ web: ['10.0.0.0/8'] }, { inventory, addresses })(wordsOf('fd00:1::5'), 0)).toBe(
      'shop',
    );
  });
});
