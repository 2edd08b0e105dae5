import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startCourier } from '../../src/send/delivery/courier.ts';
import type { Outcome } from '../../src/send/sink.ts';
import { alertOf } from './alerts.ts';
import { ALERT, createWorld, OK } from './world.ts';

describe('messages on their way', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** Five alerts of an own message each, and a sink that answers when it is told to. */
  function five(write: () => Promise<void> = async () => {}) {
    const world = createWorld({ traits: ALERT, route: { groupWait: 0 } });
    world.put(...[1, 2, 3, 4, 5].map((n) => alertOf(n)));
    const open: ((outcome: Outcome) => void)[] = [];
    const courier = startCourier({
      queue: world.channel.queue,
      sink: {
        traits: ALERT,
        preview: () => '',
        deliver: () => new Promise((resolve) => open.push(resolve)),
        close() {},
      },
      write,
      now: () => world.now,
      onSettled() {},
      onFailure(error) {
        throw error;
      },
    });
    return { open, courier };
  }

  it('are one, so that a kill leaves one in doubt', async () => {
    const { open, courier } = five();
    for (let n = 1; n <= 5; n++) {
      await vi.advanceTimersByTimeAsync(900);
      courier.wake();
      await vi.advanceTimersByTimeAsync(0);
      expect(open).toHaveLength(n);
      open[n - 1]?.(OK);
    }
    await courier.close(0);
  });

  it('are one until what came of it is durable', async () => {
    const written: (() => void)[] = [];
    const { open, courier } = five(() => new Promise((resolve) => written.push(resolve)));
    written.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
    open[0]?.(OK);
    await vi.advanceTimersByTimeAsync(900);
    courier.wake();
    expect([open.length, written.length]).toEqual([1, 1]);
    written.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
    written.shift()?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(open).toHaveLength(2);
    const closed = courier.close(0);
    await vi.advanceTimersByTimeAsync(0);
    for (const done of written) done();
    await closed;
  });

  it('are more when the other side is slow: nobody waits long for what hangs', async () => {
    const { open, courier } = five();
    await vi.advanceTimersByTimeAsync(1100);
    expect(open).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3300);
    expect(open).toHaveLength(5);
    const closed = courier.close(0);
    await vi.advanceTimersByTimeAsync(0);
    await closed;
  });

  it('leave nothing behind that listens for the end of the process', async () => {
    const listen = vi.spyOn(EventTarget.prototype, 'addEventListener');
    const { open, courier } = five();
    for (let n = 0; n < 5; n++) {
      await vi.advanceTimersByTimeAsync(0);
      open[n]?.(OK);
      await vi.advanceTimersByTimeAsync(0);
      courier.wake();
    }
    expect(open).toHaveLength(5);
    const signals = new Set(listen.mock.contexts.filter((target) => target instanceof AbortSignal));
    expect(signals.size).toBeGreaterThan(0);
    expect([...signals].flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
    await courier.close(0);
  });
});
