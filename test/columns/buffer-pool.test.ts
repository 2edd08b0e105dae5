import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/columns/buffer-pool.ts';

/** Takes and brings back `busy` buffers again and again. */
function use(pool: BufferPool, busy: number, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    const taken = Array.from({ length: busy }, () => pool.takeSize(100) ?? new ArrayBuffer(100));
    for (const buffer of taken) pool.put(buffer);
  }
}

describe('memory of written batches', () => {
  it('gives the size that is asked for, what was needed last first', () => {
    const pool = new BufferPool();
    const [a, b, other] = [new ArrayBuffer(100), new ArrayBuffer(100), new ArrayBuffer(200)];
    for (const buffer of [a, b, other]) pool.put(buffer);
    expect(pool.takeSize(100)).toBe(b);
    expect(pool.takeSize(300)).toBeUndefined();
    expect(pool.take()).toBe(other);
    expect(pool.bytes).toBe(100);
  });

  it('gives back what only the busiest moment needed, and keeps what is needed now', () => {
    const pool = new BufferPool();
    use(pool, 90, 1);
    expect(pool.bytes).toBe(9000);
    use(pool, 7, 500);
    expect(pool.bytes).toBe(700);
  });

  it('gives back memory of sizes that are no longer asked for', () => {
    const pool = new BufferPool();
    for (let i = 0; i < 50; i++) pool.put(new ArrayBuffer(64));
    use(pool, 3, 2000);
    expect(pool.bytes).toBe(300);
  });

  it('keeps what is needed now and then', () => {
    const pool = new BufferPool();
    use(pool, 90, 1);
    for (let i = 0; i < 20; i++) {
      use(pool, 7, 20);
      use(pool, 90, 1);
      expect(pool.bytes).toBe(9000);
    }
  });
});
