import { describe, expect, it } from 'vitest';
import { confidenceAt, confidenceFacts, isUsable } from './feed-topics.ts';

const DAY = 86_400;
const SEEN = 1_767_571_200;
const listing = { feed: 'f', category: 'c2', confidence: 100, network: '203.0.113.7/32' };
const fading = { ...listing, seen: SEEN, expires: SEEN + 30 * DAY };
const after = (days: number) => confidenceAt(fading, SEEN + days * DAY);

describe('the confidence in an indicator', () => {
  it("falls with the time since the feed last saw it, as in MISP's model for network detection", () => {
    // 100 · (1 - (days / 120)^(1/2))
    expect([0, 1, 4.8, 7.5, 19.2, 30].map(after)).toEqual([100, 91, 80, 75, 60, 50]);
  });

  it('does not fall before that, nor where the feed says nothing of it, or until when it counts', () => {
    expect(after(-400)).toBe(100);
    expect(confidenceAt({ ...listing, expires: 0 }, SEEN + 400 * DAY)).toBe(100);
    expect(confidenceAt({ ...listing, expires: SEEN + 9 * DAY, seen: 0 }, SEEN + 8 * DAY)).toBe(100);
  });

  it('decides whether it is used: who was less sure is believed for less long', () => {
    const lastDay = (confidence: number): number => {
      const one = { ...fading, confidence };
      let days = 0;
      while (isUsable(one, 50, SEEN + (days + 1) * DAY)) days++;
      return days;
    };
    expect([100, 90, 75, 60, 50, 49].map(lastDay)).toEqual([29, 24, 13, 3, 0, 0]);
    expect(isUsable(fading, 0, fading.expires)).toBe(false);
  });

  it('is shown with what it was and since when it falls', () => {
    expect(confidenceFacts(fading, SEEN + 7.5 * DAY)).toEqual({
      ...{ confidence: 75, listedConfidence: 100, lastSeenByFeed: '2026-01-05 00:00:00' },
    });
    expect(confidenceFacts(fading, SEEN)).toEqual({ confidence: 100 });
  });
});
