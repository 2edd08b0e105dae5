import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { InventoryEntry, Verdict } from '../../src/contracts.ts';
import { ConfigError } from '../../src/errors.ts';
import { createInventory } from '../../src/reference/inventory/inventory.ts';
import { emptyPolicy, parsePolicy } from '../../src/reference/policy/policy.ts';
import { type SessionLiteral, stepOf } from '../rows.ts';

const POLICY = `
zones:
  web: { cidr: [10.0.1.0/24, fd00:0:0:1::/64] }
  app: { cidr: 10.0.2.0/24 }
  db: { cidr: [10.0.3.0/24, fd00:0:0:3::/64] }
  admin: { cidr: [10.0.1.9] }
  internet: { cidr: [0.0.0.0/0, "::/0"] }
rules:
  - { name: web-to-app, from: web, to: app, ports: [443, "8000-8100"], protocol: tcp, action: allow }
  - { name: no-db-from-web, from: [web, internet], to: db, action: deny }
  - { name: ping, from: any, to: [app, db], protocol: icmp, action: allow }
  - { name: dns, from: any, to: any, ports: [53], action: allow }
  - { name: admin, from: admin, to: any, action: allow }
`;

function judge(text: string, session: SessionLiteral): Verdict {
  const names = new Dictionary();
  return parsePolicy(text, 'policy.yaml', names).judge(
    stepOf({ start: 0, active: [session] }, names).active,
    0,
  );
}

function problems(text: string): readonly string[] {
  try {
    parsePolicy(text, 'policy.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  return [];
}

describe('parsePolicy', () => {
  it.each([
    ['10.0.1.1', '10.0.2.1', { port: 443 }, 'allowed', 'web-to-app'],
    ['10.0.1.1', '10.0.2.1', { port: 8000 }, 'allowed', 'web-to-app'],
    ['10.0.1.1', '10.0.2.1', { port: 8100 }, 'allowed', 'web-to-app'],
    ['10.0.1.1', '10.0.2.1', { port: 8101 }, 'violation', 'default-deny'],
    ['10.0.1.1', '10.0.2.1', { port: 443, protocol: 17 }, 'violation', 'default-deny'],
    ['10.0.1.1', '10.0.3.1', { port: 5432 }, 'violation', 'no-db-from-web'],
    ['fd00:0:0:1::5', 'fd00:0:0:3::5', { port: 5432 }, 'violation', 'no-db-from-web'],
    ['10.0.1.1', '10.0.3.1', { protocol: 1, port: 0 }, 'violation', 'no-db-from-web'],
    ['10.0.2.1', '10.0.3.1', { protocol: 1, port: 0 }, 'allowed', 'ping'],
    ['fd00:0:0:3::1', 'fd00:0:0:3::5', { protocol: 58, port: 0 }, 'allowed', 'ping'],
    ['10.0.2.1', '198.51.100.1', { port: 53, protocol: 17 }, 'allowed', 'dns'],
    ['10.0.1.9', '10.0.3.1', { port: 22 }, 'allowed', 'admin'],
    ['10.0.2.1', '10.0.2.2', { port: 22 }, 'violation', 'default-deny'],
  ] as const)('judges %s to %s %j: %s by %s', (src, dst, session, verdict, rule) => {
    expect(judge(POLICY, { src, dst, ...session })).toMatchObject({ verdict, rule });
  });

  it('names the zones, the most specific network first', () => {
    expect(judge(POLICY, { src: '10.0.1.9', dst: '203.0.113.7' })).toEqual({
      verdict: 'allowed',
      rule: 'admin',
      srcZone: 'admin',
      dstZone: 'internet',
    });
  });

  it('leaves traffic between strangers alone and judges what has one known end', () => {
    const text = 'zones: { db: { cidr: [10.0.3.0/24] } }';
    expect(judge(text, { src: '10.9.9.9', dst: '10.9.9.8' }).verdict).toBe('unmatched');
    expect(judge(text, { src: '10.9.9.9', dst: '10.0.3.1' })).toEqual({
      verdict: 'violation',
      rule: 'default-deny',
      srcZone: '',
      dstZone: 'db',
    });
    expect(judge(`${text}\ndefault: allow`, { src: '10.9.9.9', dst: '10.0.3.1' })).toMatchObject({
      verdict: 'allowed',
      rule: 'default-allow',
    });
  });

  it('puts the internal end of an interface into its zone', () => {
    const text = 'zones: { edge: { interface: [eni-1] }, app: { cidr: [10.0.0.0/8] } }';
    const at = (dst: string, src = '10.0.0.1') => judge(text, { src, dst, interface: 'eni-1' });
    expect(at('203.0.113.7')).toMatchObject({ srcZone: 'edge', dstZone: '' });
    expect(at('10.0.0.1', '203.0.113.7')).toMatchObject({ srcZone: '', dstZone: 'edge' });
    expect(at('10.0.0.2')).toMatchObject({ srcZone: 'app', dstZone: 'app' });
    expect(judge(text, { src: '10.0.0.1', dst: '203.0.113.7', interface: 'eni-2' }).srcZone).toBe('app');
  });

  it('says which zone an address or an interface is in', () => {
    const policy = parsePolicy(
      'zones: { edge: { interface: [eni-1] }, app: { cidr: [10.0.0.0/8] }, db: { cidr: [10.3.0.0/16, fd00::/8] } }',
      'policy.yaml',
    );
    expect(policy.zoneOf('10.3.0.1')).toBe('db');
    expect(policy.zoneOf('fd00::1')).toBe('db');
    expect(policy.zoneOf('10.4.0.1')).toBe('app');
    expect(policy.zoneOf('10.4.0.1', 'eni-1')).toBe('edge');
    expect(policy.zoneOf('10.4.0.1', 'eni-2')).toBe('app');
    expect(policy.zoneOf('eni-1')).toBe('edge');
    for (const name of ['203.0.113.7', 'eni-2', '123456789012', '', 'constructor'])
      expect(policy.zoneOf(name)).toBeUndefined();
    expect(emptyPolicy.zoneOf('10.0.0.1')).toBeUndefined();
  });

  it('finds tags in the inventory of the configuration, as they are at the time of the step', () => {
    const machine = (id: string, address: string, more: Partial<InventoryEntry>): InventoryEntry => ({
      id,
      addresses: [address],
      tags: { tier: 'db' },
      from: 0,
      ...more,
    });
    const inventory = createInventory([
      {
        source: 'test',
        at: 0,
        entries: [
          machine('old', '10.0.3.3', { from: 100, to: 200 }),
          machine('web', '10.0.3.3', { from: 200, tags: { tier: 'web' } }),
          machine('six', 'fd00::3', {}),
          machine('a', '10.0.3.9', { vpc: 'vpc-a' }),
          machine('b', '10.0.3.9', { vpc: 'vpc-b', tags: {} }),
        ],
      },
    ]);
    const text = 'zones: { db: { tag: tier=db }, web: { tag: tier=web }, net: { cidr: 10.0.0.0/16 } }';
    const policy = parsePolicy(text, 'policy.yaml', new Dictionary(), inventory);
    const zones = (time: number) => {
      inventory.advance(time);
      return ['10.0.3.3', 'fd00::3', '10.0.3.9'].map((address) => policy.zoneOf(address));
    };
    expect([50, 100, 199, 200].map(zones)).toEqual([
      ['net', 'db', 'net'],
      ['db', 'db', 'net'],
      ['db', 'db', 'net'],
      ['web', 'db', 'net'],
    ]);
    inventory.stage([{ source: 'test', at: 1, entries: [machine('new', '10.0.3.3', {})] }]);
    expect(zones(201)).toEqual(['db', undefined, 'net']);
    const { active } = stepOf({ start: 201, active: [{ src: '10.0.3.3', dst: '203.0.113.7' }] });
    expect(policy.judge(active, 0)).toMatchObject({ verdict: 'violation', srcZone: 'db' });
  });

  it('finds subnets, VPCs, tags and interfaces in the inventory', () => {
    const text = `
zones:
  one: { subnet: [subnet-1] }
  two: { vpc: [vpc-2] }
  three: { tag: [env=prod] }
  four: { interface: [eni-4] }
inventory:
  - { cidr: 10.0.1.0/24, subnet: subnet-1, vpc: vpc-1 }
  - { cidr: [10.2.0.0/16, "fd00:2::/32"], vpc: vpc-2 }
  - { cidr: 10.0.3.3, tags: { tier: db, env: prod } }
  - { cidr: 10.0.3.4, tags: { tier: db, env: test } }
  - { cidr: 10.0.4.4, interface: eni-4 }
`;
    const zone = (src: string) => judge(text, { src, dst: '203.0.113.7' }).srcZone;
    expect(['10.0.1.7', 'fd00:2::7', '10.0.3.3', '10.0.3.4', '10.0.4.4'].map(zone)).toEqual([
      'one',
      'two',
      'three',
      '',
      'four',
    ]);
  });

  it('does not see a violation in the return traffic of what is allowed', () => {
    const back = { src: '10.0.2.1', dst: '10.0.1.1', sport: 50_000, port: 40_000 } as const;
    const text = `${POLICY}  - { name: rpc, from: web, to: app, ports: ["49152-65535"], action: allow }`;
    expect(judge(text, { ...back, state: ['accepted', 'first'] })).toMatchObject({
      verdict: 'allowed',
      rule: 'rpc',
    });
    expect(judge(text, { ...back, state: ['accepted', 'first', 'synSeen'] }).verdict).toBe('violation');
    expect(judge(text, { ...back, sport: 22, state: ['accepted', 'first'] }).verdict).toBe('violation');
  });

  it('says every problem of the shape at once with its line', () => {
    const text = `zones:
  web: { cidr: [10.0.0.0/33] }
  b/c: { cidr: [10.0.0.0/8] }
  empty: {}
rules:
  - { name: a, from: web, to: web, ports: ["9-1"], action: allow }
  - { name: b, from: web, to: web, action: maybe, colour: red }
`;
    const found = problems(text);
    for (const [line, problem] of [
      [2, 'not an address or network'],
      [3, 'not a name'],
      [4, 'needs a cidr'],
      [6, 'not a port or range'],
      [7, 'rules.1.colour: unknown setting'],
      [7, 'rules.1.action'],
    ] as const)
      expect(found).toContainEqual(expect.stringMatching(new RegExp(`^line ${line}:.*${problem}`)));
  });

  it('says every name that is wrong', () => {
    const text = `zones:
  web: { cidr: [10.0.1.0/24] }
  any: { cidr: [10.0.2.0/24] }
  sub: { subnet: [subnet-9] }
rules:
  - { name: a, from: web, to: [web, nowhere], action: allow }
  - { name: a, from: any, to: web, protocol: icmp, action: allow }
  - { name: default-deny, from: any, to: web, protocol: icmp, ports: 8, action: allow }
`;
    expect(problems(text)).toEqual([
      expect.stringMatching(/^line 3:\d+ {2}zones.any: means every address/),
      expect.stringMatching(
        /^line 4:\d+ {2}zones.sub.subnet.0: no entry of the inventory has subnet subnet-9/,
      ),
      expect.stringMatching(/^line 6:\d+ {2}rules.0.to: no such zone: nowhere/),
      expect.stringMatching(/^line 7:\d+ {2}rules.1.name: the name a is taken/),
      expect.stringMatching(/^line 8:\d+ {2}rules.2.name: the name default-deny is taken/),
      expect.stringMatching(/^line 8:\d+ {2}rules.2.ports: protocol icmp has no ports/),
    ]);
  });

  it('refuses broken YAML, alias bombs and an empty file', () => {
    expect(problems('zones: [')).toEqual([expect.stringMatching(/^line 1:/)]);
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]`;
    expect(problems(bomb)).toEqual([expect.stringMatching(/alias/i)]);
    expect(problems('')).toHaveLength(1);
  });

  it('counts its rules and the default, none without a policy', () => {
    expect(parsePolicy(POLICY, 'policy.yaml').size).toBe(6);
    expect(emptyPolicy.size).toBe(0);
    const step = stepOf({ start: 0, active: [{ src: '10.0.0.1', dst: '10.0.0.2' }] });
    expect(emptyPolicy.judge(step.active, 0).verdict).toBe('unmatched');
  });
});
