import { describe, expect, it } from 'vitest';
import type { PastContact } from '../src/contracts.ts';
import { withinBudget } from '../src/retro.ts';

const contact: PastContact = {
  ...{ subject: '10.0.0.5', peer: '203.0.113.9', inbound: false, ports: [443], portCount: 1, protocol: 6 },
  ...{ first: 5, last: 6, sessions: 2, established: 2, rejected: 0, sent: 10, received: 5 },
  listing: { feed: 'drop', category: 'c2', confidence: 90, network: '203.0.113.0/24', expires: 0 },
};

describe('the budget of a hunt', () => {
  it('goes to what matters most, in one order, and counts the rest', () => {
    const blocked = { ...contact, subject: '10.0.0.1', established: 0, rejected: 2, sent: 0 };
    const inbound = { ...contact, subject: '10.0.0.2', inbound: true };
    const much = { ...contact, subject: '10.0.0.3', sent: 1000 };
    const knock = { ...contact, subject: '10.0.0.4', inbound: true, established: 0 };
    const all = [blocked, knock, inbound, contact, much];
    expect(withinBudget(all, 10)).toEqual({ told: [much, contact, inbound, blocked], left: 0 });
    expect(withinBudget(all.toReversed(), 10)).toEqual(withinBudget(all, 10));
    expect(withinBudget(all, 1)).toEqual({ told: [much], left: 3 });
  });
});
