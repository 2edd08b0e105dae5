import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { type Message, total } from '../../src/send/message.ts';
import type { Outcome } from '../../src/send/sink.ts';
import { Random } from '../../src/simulate/random.ts';
import { alertOf } from './alerts.ts';
import { ALERT, createWorld, GROUP, OK } from './world.ts';

const HOUR = 3600;
const resolved = (alert: Alert): Alert => ({ ...alert, state: 'resolved' });
const fail = (reason: Extract<Outcome, { delivered: false }>['reason'], retryAfter?: number): Outcome => ({
  delivered: false,
  reason,
  detail: 'because',
  ...(retryAfter === undefined ? {} : { retryAfter }),
});

describe('a group', () => {
  it('waits for more, then for its interval, and is repeated while it fires', () => {
    const world = createWorld();
    world.put(alertOf(1));
    world.pass(29);
    expect(world.sent).toEqual([]);
    world.put(alertOf(1, { id: '2'.repeat(32) }));
    world.pass(2);
    expect(world.sent.map(({ event, counts, firing }) => [event, total(counts), firing])).toEqual([
      ['firing', 2, 2],
    ]);
    world.put(alertOf(1, { id: '3'.repeat(32) }));
    world.pass(298);
    expect(world.sent).toHaveLength(1);
    world.pass(3);
    expect(world.sent[1]).toMatchObject({ event: 'firing', firing: 3, repeat: false });
    world.pass(4 * HOUR + 60);
    expect(world.sent.slice(2).map(({ repeat, firing, counts }) => [repeat, firing, total(counts)])).toEqual([
      [true, 3, 3],
    ]);
  });

  it('is told when it gets worse, and not when it only grows', () => {
    const world = createWorld({ route: { groupWait: 0, groupInterval: 60 } });
    world.put(alertOf(1, { severity: 'low' }));
    world.pass(120);
    world.put(alertOf(1, { severity: 'low', count: 500 }));
    world.pass(120);
    expect(world.sent).toHaveLength(1);
    world.put(alertOf(1, { severity: 'critical' }));
    world.pass(1);
    expect(world.sent[1]?.counts).toEqual([{ detector: 'port-scan', severity: 'critical', alerts: 1 }]);
    // The other side had it before.
    expect(world.sent.map(({ known }) => known)).toEqual([[], [alertOf(1).id]]);
  });

  it('is told of what was over before anybody could be told', () => {
    const world = createWorld();
    world.put(alertOf(1));
    world.put(resolved(alertOf(1)));
    world.pass(60);
    expect(world.sent).toMatchObject([{ event: 'resolved', firing: 0, resolved: 1 }]);
    world.pass(9 * HOUR);
    expect(world.sent).toHaveLength(1);
  });

  it('leaves nothing behind when all is over', () => {
    const world = createWorld();
    world.put(alertOf(1));
    world.pass(60);
    world.put(resolved(alertOf(1)));
    world.pass(9 * HOUR);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'resolved']);
    expect([...world.saved]).toEqual([]);
  });

  it('has other keys when the same comes back after all was forgotten', () => {
    const world = createWorld({ route: { groupWait: 0 } });
    for (let i = 0; i < 3; i++) {
      world.put(alertOf(1));
      world.pass(600);
      world.put(resolved(alertOf(1)));
      world.pass(9 * HOUR);
    }
    expect(new Set(world.sent.map(({ key }) => key)).size).toBe(6);
  });

  it('keeps a thread until all is over', () => {
    const world = createWorld({ route: { groupWait: 0, groupInterval: 10 } });
    const notes: (string | undefined)[] = [];
    let n = 0;
    const deliver = (message: Message): Outcome => {
      notes.push(message.note);
      return message.note === undefined ? { delivered: true, answer: 'ok', note: `thread ${++n}` } : OK;
    };
    for (let i = 0; i < 2; i++) {
      world.put(alertOf(1));
      world.pass(20, deliver);
      world.put(resolved(alertOf(1)));
      world.pass(9 * HOUR, deliver);
    }
    expect(notes).toEqual([undefined, 'thread 1', undefined, 'thread 2']);
  });

  it('is told once a day where that is asked for', () => {
    const world = createWorld({ route: { daily: 8 * 60, location: 'Europe/Berlin', groupBy: [] } });
    for (let i = 0; i < 5; i++) {
      world.put(alertOf(i));
      world.pass(5 * HOUR);
    }
    // Begun at 10:00 UTC, 11:00 in Berlin.
    expect(world.sent.map(({ at, counts }) => [at, total(counts)])).toEqual([
      ['2026-03-03T07:00:00.000Z', 5],
    ]);
  });
});

describe('an alert that comes and goes', () => {
  it('opens and resolves once in a repeat interval, however often it does', () => {
    const world = createWorld({
      traits: ALERT,
      route: { groupWait: 0, groupInterval: 60, repeatInterval: 4 * HOUR },
    });
    for (let i = 0; i < 240; i++) {
      world.put(i % 2 === 0 ? alertOf(1) : resolved(alertOf(1)));
      world.pass(120);
    }
    world.put(resolved(alertOf(1)));
    world.pass(9 * HOUR);
    // Eight hours of it.
    const events = world.sent.map(({ event }) => event);
    expect(events.filter((event) => event === 'firing').length).toBeLessThanOrEqual(3);
    expect(events.filter((event) => event === 'resolved').length).toBe(
      events.filter((event) => event === 'firing').length,
    );
    expect(events.at(-1)).toBe('resolved');
  });

  it('is told at once when it comes back worse after that', () => {
    const world = createWorld({ traits: ALERT, route: { groupWait: 0, groupInterval: 0 } });
    world.put(alertOf(1));
    world.pass(10);
    world.put(resolved(alertOf(1)));
    world.pass(10);
    world.put(alertOf(1));
    world.pass(HOUR);
    expect(world.sent).toHaveLength(2);
    world.pass(4 * HOUR);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'resolved', 'firing']);
  });
});

describe('an incident', () => {
  it('is acknowledged when somebody took over, once, and repeats nothing', () => {
    const world = createWorld({ traits: ALERT, route: { groupWait: 0, groupInterval: 0 } });
    world.put(alertOf(1));
    world.pass(5);
    world.acknowledged.add(alertOf(1).id);
    world.look(alertOf(1).id);
    world.pass(9 * HOUR);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'acknowledged']);
    world.put(resolved(alertOf(1)));
    world.pass(5);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'acknowledged', 'resolved']);
  });

  it('is closed when somebody judged it, and stays so while it fires', () => {
    const world = createWorld({ traits: ALERT, route: { groupWait: 0, groupInterval: 0 } });
    world.put(alertOf(1));
    world.pass(5);
    world.closed.add(alertOf(1).id);
    world.look(alertOf(1).id);
    world.pass(5);
    world.put(alertOf(1, { count: 900 }));
    world.pass(9 * HOUR);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'resolved']);
    expect(world.sent.map(({ alerts: [alert] }) => alert?.state)).toEqual(['firing', 'resolved']);
  });

  it.each([
    ['', () => {}],
    [' and the process is killed', (world: ReturnType<typeof createWorld>) => world.crash()],
  ])('is closed too when somebody judged it while its first message was on its way%s', (_, then) => {
    const world = createWorld({ traits: ALERT, route: { groupWait: 0, groupInterval: 0 } });
    world.put(alertOf(1));
    world.pass(60, () => {
      if (world.closed.size > 0) return OK;
      world.closed.add(alertOf(1).id);
      world.look(alertOf(1).id);
      then(world);
      return fail('unavailable');
    });
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'resolved']);
  });

  it('is forgotten when somebody judged it while a message about others was on its way', () => {
    const world = createWorld({ route: { groupWait: 0, groupInterval: 0, groupBy: [] } });
    world.put(alertOf(1));
    world.pass(5, () => {
      world.put(alertOf(2));
      world.closed.add(alertOf(2).id);
      world.look(alertOf(2).id);
      return OK;
    });
    world.pass(60);
    world.put(resolved(alertOf(2)));
    // As the sender does when it has resolved.
    world.closed.delete(alertOf(2).id);
    world.crash();
    world.pass(9 * HOUR);
    expect(world.sent.flatMap(({ alerts }) => alerts).map(({ id }) => id)).not.toContain(alertOf(2).id);
  });

  it('is opened before it is closed when all was over before anybody was told', () => {
    const world = createWorld({ traits: ALERT });
    world.put(alertOf(1));
    world.put(resolved(alertOf(1)));
    world.pass(HOUR);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'resolved']);
  });
});

describe('what is held back', () => {
  it('is told when nothing holds it any more, and never when it was over by then', () => {
    let quiet = true;
    const world = createWorld({ hold: () => (quiet ? 'silence x' : undefined) });
    world.put(alertOf(1), alertOf(2));
    world.pass(HOUR);
    world.put(resolved(alertOf(2)));
    world.pass(HOUR);
    expect(world.sent).toEqual([]);
    quiet = false;
    world.pass(60);
    expect(world.sent.map(({ alerts }) => alerts.map(({ id }) => id))).toEqual([[alertOf(1).id]]);
  });

  const heldOf = (n: number) => (alert: Alert) => (alert.id === alertOf(n).id ? 'silence x' : undefined);

  it('stops no repeats of its group, and is not counted there', () => {
    const world = createWorld({ route: { groupBy: [] }, hold: heldOf(2) });
    world.put(alertOf(1), alertOf(2));
    world.pass(12 * HOUR + 600);
    expect(world.sent.map(({ repeat, firing, counts }) => [repeat, firing, total(counts)])).toEqual([
      [false, 1, 1],
      ...Array.from({ length: 3 }, () => [true, 1, 1]),
    ]);
  });

  it('does not keep its group from being over, and begins it anew when it is told', () => {
    let hold = heldOf(2);
    const world = createWorld({ route: { groupBy: [] }, hold: (alert) => hold(alert) });
    const notes: (string | undefined)[] = [];
    const deliver = (message: Message): Outcome => {
      notes.push(message.note);
      return { delivered: true, answer: 'ok', note: 'a thread' };
    };
    world.put(alertOf(1), alertOf(2));
    world.pass(60, deliver);
    world.put(resolved(alertOf(1)));
    world.pass(HOUR, deliver);
    hold = () => undefined;
    world.pass(HOUR, deliver);
    expect(world.sent.map(({ event, firing }) => [event, firing])).toEqual([
      ['firing', 1],
      ['resolved', 0],
      ['firing', 1],
    ]);
    expect(notes).toEqual([undefined, 'a thread', undefined]);
  });

  it('does not keep the incident of a digest open, also when it is over before it is told', () => {
    const world = createWorld({
      traits: { ...ALERT, rate: 2 },
      route: { groupWait: 0, groupInterval: 0 },
      options: { rate: 2 },
      hold: heldOf(9),
    });
    // The worst is told by itself.
    world.put(alertOf(1, { severity: 'critical' }), alertOf(2), alertOf(3), alertOf(9, { severity: 'low' }));
    world.pass(HOUR);
    world.put(resolved(alertOf(2)), resolved(alertOf(3)));
    world.pass(HOUR);
    world.put(resolved(alertOf(9)));
    world.pass(HOUR);
    expect(
      world.sent.filter(({ kind }) => kind === 'digest').map(({ event, firing }) => [event, firing]),
    ).toEqual([
      ['firing', 2],
      ['resolved', 0],
    ]);
  });

  it('does not hold back that something open is over', () => {
    let quiet = false;
    const world = createWorld({ hold: () => (quiet ? 'silence x' : undefined) });
    world.put(alertOf(1));
    world.pass(60);
    quiet = true;
    world.put(resolved(alertOf(1)));
    world.pass(HOUR);
    expect(world.sent.map(({ event }) => event)).toEqual(['firing', 'resolved']);
  });
});

describe('a sink that fails', () => {
  it('is tried again with the same message, and told nothing twice in other words', () => {
    const world = createWorld({ route: { groupWait: 0 } });
    const tried: string[] = [];
    world.put(alertOf(1));
    world.pass(600, (message) => {
      tried.push(JSON.stringify(message));
      return tried.length < 6 ? fail('unavailable') : OK;
    });
    expect(tried).toHaveLength(6);
    expect(new Set(tried).size).toBe(1);
    expect(world.sent).toHaveLength(1);
  });

  it.each([
    [30, 30],
    [1e9, 600],
  ])('is called again no earlier than it asked for: %s s', (asked, waited) => {
    const world = createWorld({ route: { groupWait: 0 } });
    const at: number[] = [];
    world.put(alertOf(1), alertOf(2));
    world.pass(1200, (_, now) => {
      at.push(now);
      return at.length === 1 ? fail('rate-limited', asked) : OK;
    });
    expect(at).toHaveLength(3);
    for (const time of at.slice(1)) expect(time - (at[0] ?? 0)).toBeGreaterThanOrEqual(waited * 1000);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeLessThan((waited + 10) * 1000);
  });

  it('asked for a pause that a restart does not shorten', () => {
    const world = createWorld({ route: { groupWait: 0 } });
    world.put(alertOf(1));
    world.pass(1, () => fail('rate-limited', 300));
    const asked = world.now;
    world.crash();
    world.put(alertOf(2));
    const at: number[] = [];
    world.pass(1200, (_, now) => {
      at.push(now);
      return OK;
    });
    expect(Math.min(...at)).toBeGreaterThanOrEqual(asked + 298_000);
  });

  it.each(['unauthorized', 'refused', 'gone', 'too-large'] as const)(
    'is not asked again about what it calls %s, which is kept and told once as an error',
    (reason) => {
      const world = createWorld({ route: { groupWait: 0 } });
      world.put(alertOf(1), alertOf(2), alertOf(3));
      let calls = 0;
      world.pass(HOUR, () => {
        calls++;
        return fail(reason);
      });
      expect(calls).toBe(3);
      expect(world.channel.view()).toMatchObject({
        dead: 3,
        messages: 0,
        delivered: 0,
        failed: { [reason]: 3 },
      });
      expect(world.logged.map((line) => line.split(' ')[0])).toEqual(['error', 'warn', 'warn']);
      expect(world.channel.queue.revive(undefined, world.now)).toBe(3);
      world.pass(60);
      expect(world.sent).toHaveLength(3);
      expect(world.channel.view()).toMatchObject({ dead: 0, delivered: 3 });
    },
  );

  it('gives a message up in the end, and forgets it when told to', () => {
    const world = createWorld({ route: { groupWait: 0 }, options: { retryFor: '1h' } });
    world.put(alertOf(1));
    world.pass(3 * HOUR, () => fail('unavailable'));
    expect([...world.channel.queue.dead.values()].map(({ failure }) => failure.reason)).toEqual(['expired']);
    expect(world.channel.queue.bury(undefined)).toBe(1);
    expect(world.channel.view().dead).toBe(0);
  });

  it('is only probed while it fails again and again', () => {
    const world = createWorld({ route: { groupWait: 0 } });
    for (let i = 0; i < 200; i++) world.put(alertOf(i));
    let calls = 0;
    world.pass(600, () => {
      calls++;
      return fail('unreachable');
    });
    // Alone each of 200 messages would be tried seven times in ten minutes.
    expect(calls).toBeLessThan(120);
    expect(world.channel.view().broken).toBe(true);
    world.pass(600);
    expect(world.channel.view().broken).toBe(false);
    expect(world.logged).toEqual([
      'error a sink fails again and again: what it has to be told waits',
      'info a sink takes messages again',
    ]);
    expect(world.sent.reduce((sum, { counts }) => sum + total(counts), 0)).toBe(200);
  });

  it('is told all that happened while it was away, and exactly so', () => {
    const world = createWorld({ traits: { ...GROUP, rate: 10 }, route: { groupWait: 0 } });
    for (let hour = 0; hour < 24; hour++) {
      for (let i = 0; i < 500; i++)
        world.put(alertOf(hour * 500 + i, { subject: `10.1.${hour}.${i % 250}` }));
      world.pass(HOUR, () => fail('unreachable'));
      if (hour === 11) world.crash();
    }
    world.pass(HOUR);
    expect(world.sent.reduce((sum, { counts }) => sum + total(counts), 0)).toBe(12_000);
    expect(world.sent.length).toBeLessThan(100);
  });

  it('is remembered within a bound of bytes, oldest first, and counts what found no place', () => {
    const world = createWorld({
      traits: { ...GROUP, rate: 10 },
      route: { groupWait: 0 },
      options: { maxBytes: '100KB' },
    });
    for (let i = 0; i < 5000; i++) {
      world.put(alertOf(i, { severity: i % 2 === 0 ? 'high' : 'low', subject: `10.1.${i >> 8}.${i % 256}` }));
      expect(world.channel.units.bytes).toBeLessThanOrEqual(100_200);
    }
    world.pass(2 * HOUR);
    const told = world.sent.reduce((sum, { counts }) => sum + total(counts), 0);
    const dropped = world.sent.reduce((sum, message) => sum + total(message.dropped), 0);
    expect(dropped).toBeGreaterThan(1000);
    expect(told + dropped).toBe(5000);
    // The newest were told by name.
    expect(world.sent.flatMap(({ alerts }) => alerts).length).toBeGreaterThan(20);
  });
});

describe('a storm', () => {
  it.each([
    [100_000, 'group', { ...GROUP, rate: 10 }],
    [20_000, 'alert', { ...ALERT, rate: 10 }],
  ] as const)(
    'of %i alerts in a minute is at most ten messages a minute, with exact counts: by %s',
    (count, _, traits) => {
      const world = createWorld({ traits, route: { groupWait: 0 } });
      for (let second = 0; second < 60; second++) {
        const from = Math.round((second * count) / 60);
        const to = Math.round(((second + 1) * count) / 60);
        const storm = [];
        for (let i = from; i < to; i++)
          storm.push(alertOf(i, { subject: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }));
        world.put(...storm);
        world.pass(1);
      }
      world.pass(240);
      const minutes = new Map<number, number>();
      const times = world.sent.map(({ at }) => Date.parse(at));
      for (const time of times) {
        const inMinute = times.filter((other) => other > time - 60_000 && other <= time).length;
        minutes.set(time, inMinute);
      }
      expect(Math.max(...minutes.values())).toBeLessThanOrEqual(10);
      expect(world.sent.reduce((sum, { counts }) => sum + total(counts), 0)).toBe(count);
      expect(world.channel.view()).toMatchObject({ alerts: 0, messages: 0, dead: 0 });
    },
  );
});

describe('a sink whose rate allows it', () => {
  it('is told of each alert by itself, however many wait', () => {
    const world = createWorld({
      traits: { ...ALERT, rate: 100_000 },
      route: { groupWait: 0 },
      options: { rate: 100_000 },
    });
    for (let i = 0; i < 1000; i++) world.put(alertOf(i));
    world.pass(60);
    expect(new Set(world.sent.map(({ kind }) => kind))).toEqual(new Set(['alert']));
    expect(new Set(world.sent.map(({ unit }) => unit)).size).toBe(1000);
  });
});

describe('a process that is killed at any moment', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'misses nothing, and repeats only what has the same key: seed %i',
    (seed) => {
      for (const traits of [GROUP, ALERT]) {
        const random = new Random(seed, traits.unit);
        const world = createWorld({ traits, route: { groupWait: 5, groupInterval: 30 } });
        const bodies = new Map<string, Set<string>>();
        /** The other side: what is open there. */
        const open = new Map<string, boolean>();
        const seen = new Set<string>();
        let crashes = 0;
        let lostAcks = 0;
        let attempts = 0;
        const deliver = (message: Message): Outcome | 'crash' => {
          attempts++;
          const chance = random.unit();
          if (chance < 0.1) return fail('unavailable');
          if (chance < 0.15) return fail('rate-limited', 2);
          if (chance < 0.18) {
            world.crash();
            crashes++;
            return OK;
          }
          // It was taken; whether we hear of it is another matter.
          bodies.set(message.key, (bodies.get(message.key) ?? new Set()).add(JSON.stringify(message)));
          for (const { id } of message.alerts) seen.add(id);
          if (traits.unit === 'alert') open.set(message.alerts[0]?.id ?? '', message.event === 'firing');
          if (chance < 0.23) {
            lostAcks++;
            return fail('timeout');
          }
          if (chance < 0.26) {
            crashes++;
            return 'crash';
          }
          return OK;
        };
        const count = 60;
        for (let i = 0; i < count; i++) {
          world.put(alertOf(i));
          world.pass(random.int(40), deliver);
          if (random.unit() < 0.7) world.put(resolved(alertOf(random.int(i + 1))));
        }
        for (let i = 0; i < count; i++) world.put(resolved(alertOf(i)));
        world.pass(3 * HOUR, deliver);
        expect(crashes).toBeGreaterThan(2);
        expect(seen.size).toBe(count);
        for (const texts of bodies.values()) expect(texts.size).toBe(1);
        if (traits.unit === 'alert') expect([...open.values()].filter((isOpen) => isOpen)).toEqual([]);
        expect(attempts).toBeLessThan(2 * bodies.size + 100 * lostAcks);
        expect(world.channel.view()).toMatchObject({ alerts: 0, messages: 0, dead: 0 });
      }
    },
  );
});
