import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { entryText, readInventory } from '../../src/reference/inventory/file.ts';

const WEB = {
  id: 'i-0abc',
  name: 'web-3',
  addresses: ['10.0.3.7', '10.0.64.0/28', '2001:db8::7'],
  interface: 'eni-1',
  role: 'web',
  tags: { team: 'shop' },
  from: Date.parse('2026-01-05T00:00:00Z') / 1000,
  to: Date.parse('2026-02-01T12:30:00Z') / 1000,
};

const YAML = `
- id: i-0abc
  name: web-3
  addresses: [10.0.3.7, 10.0.64.9/28, "2001:DB8:0::7"]
  interface: eni-1
  role: web
  tags: {team: shop}
  from: 2026-01-05
  to: 2026-02-01T12:30:00Z
`;

function problemsOf(text: string, file = 'inventory.yaml'): readonly string[] {
  try {
    readInventory(text, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the inventory has no problems');
}

describe('readInventory', () => {
  it('reads the same entry in each form', () => {
    const { from: _, to: __, ...rest } = WEB;
    const json = { ...rest, from: '2026-01-05T00:00:00Z', to: '2026-02-01 12:30:00 UTC' };
    expect(readInventory(YAML, 'a.yaml')).toEqual([WEB]);
    expect(readInventory(JSON.stringify([json]), 'a.json')).toEqual([WEB]);
    expect(readInventory(`${JSON.stringify(json)}\n\n`, 'a.jsonl')).toEqual([WEB]);
    expect(
      readInventory(
        '# made by hand\nid,name,addresses,interface,role,tag:team,tag:env,from,to\r\ni-0abc,"web-3",10.0.3.7 10.0.64.0/28 2001:db8::7,eni-1,web,shop,,2026-01-05,2026-02-01T12:30:00Z\r\n',
        'a.csv',
      ),
    ).toEqual([WEB]);
  });

  it('calls an entry by its interface or name, where it has no id', () => {
    expect(readInventory('[{addresses: [10.0.0.1], interface: eni-1, name: a}]', 'a.yaml')).toEqual([
      { id: 'eni-1', addresses: ['10.0.0.1'], interface: 'eni-1', name: 'a', tags: {}, from: 0 },
    ]);
    expect(readInventory('name,addresses\na,10.0.0.1', 'a.csv')).toMatchObject([{ id: 'a', tags: {} }]);
  });

  it('takes an empty file for an empty inventory', () => {
    for (const file of ['a.yaml', 'a.jsonl', 'a.csv']) expect(readInventory('', file)).toEqual([]);
  });

  it('tells every problem with its line', () => {
    expect(
      problemsOf('- {id: a, addresses: [10.0.0]}\n- {addresses: [10.0.0.1]}\n- {id: a, adresses: []}\n'),
    ).toEqual([
      'line 1:23  0.addresses.0: not an address or network, such as 10.0.3.7',
      'line 2:3  1: needs an id, interface or name',
      'line 3:3  2.addresses: is missing',
      'line 3:21  2.adresses: unknown setting',
    ]);
    expect(problemsOf('- {id: a, addresses: [10.0.0.1], from: 2026-01-02, to: 2026-01-01}')).toEqual([
      'line 1:3  0: ends before it begins',
    ]);
    expect(problemsOf('id,addresses\n\na,10.0.0.1\nb,10.0.0\n', 'a.csv')).toEqual([
      'line 4  addresses.0: not an address or network, such as 10.0.3.7',
    ]);
    expect(problemsOf('id,addresses\na,10.0.0.1,10.0.0.2\n', 'a.csv')).toEqual([
      'line 2  entry: 3 cells, but 2 columns',
    ]);
    expect(problemsOf('{"id":"a","addresses":["10.0.0.1"]}\n{"id"', 'a.jsonl')).toEqual([
      'line 2  entry: not JSON, which a line has to be',
    ]);
    expect(problemsOf('{]', 'a.json')[0]).toMatch(/^line 1:/);
  });

  it('bounds tags and texts as AWS does', () => {
    const tags = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, 'v']));
    const entry = (more: object) => JSON.stringify([{ id: 'a', addresses: ['10.0.0.1'], ...more }]);
    expect(problemsOf(entry({ tags }))[0]).toContain('more than 50 tags');
    expect(problemsOf(entry({ name: 'x'.repeat(257) }))[0]).toContain('name');
  });

  it('reads what it writes', () => {
    const text = fc.string({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.record(
          {
            id: text,
            name: text,
            role: text,
            addresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1, maxLength: 4 }),
            tags: fc.dictionary(text, text, { maxKeys: 5 }),
          },
          { requiredKeys: ['id', 'addresses'] },
        ),
        fc.nat({ max: 4e9 }),
        (given, from) => {
          const [entry] = readInventory(JSON.stringify([given]), 'a.json');
          if (entry === undefined) throw new Error('no entry');
          const whole = { ...entry, from: from + 1e6 };
          if (whole.from < 0xffff_ffff) expect(readInventory(entryText(whole), 'a.jsonl')).toEqual([whole]);
        },
      ),
    );
  });
});
