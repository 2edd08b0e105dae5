import { describe, expect, it } from 'vitest';
import { SCOPE } from '../../src/columns/session-batch.ts';
import { loInitiated } from '../../src/rollup/initiator.ts';

const FROM_LO_OUT = SCOPE.internal | (SCOPE.public << 8);
const FROM_HI_OUT = SCOPE.public | (SCOPE.internal << 8);

describe('who initiated', () => {
  /** Both ends in one capture window, as pings are logged, whichever address is lower. */
  const loPinged = (scopes: number): boolean => loInitiated(0, 0, 0, 0, 100, 100, true, scopes).lo;

  it('is our own end where nothing else tells, by whatever address', () => {
    expect(loPinged(FROM_LO_OUT)).toBe(true);
    expect(loPinged(FROM_HI_OUT)).toBe(false);
  });

  it('is the lower address between two of ours and between two of others', () => {
    expect(loPinged(SCOPE.internal | (SCOPE.internal << 8))).toBe(true);
    expect(loPinged(SCOPE.public | (SCOPE.public << 8))).toBe(true);
  });

  it('is decided by ports and by who was first before that', () => {
    expect(loInitiated(0, 0, 40_000, 443, 100, 100, true, FROM_HI_OUT).lo).toBe(true);
    expect(loInitiated(0, 0, 0, 0, 100, 160, true, FROM_HI_OUT).lo).toBe(true);
  });
});
