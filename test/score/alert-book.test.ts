import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Finding } from '../../src/contracts.ts';
import { AlertBook } from '../../src/score/alert-book.ts';

const T = 1_767_571_200;
const HOUR = 3600;
const ORIGIN = { detector: 'test', attack: [], quietPeriod: HOUR };

function found(subject: string, at: number): Finding {
  return {
    ...{ severity: 'low', title: 'something happened', subject, counterpart: '', count: 1, score: 1 },
    ...{ firstSeen: at, lastSeen: at, samples: [], query: 'SELECT 1', exception: { subject } },
    explanation: { observed: 1, baseline: 0, threshold: 1, formula: 'x' },
  };
}

/** A book that forgets ten hours after an alert has resolved. */
const openBook = (most?: number): AlertBook => new AlertBook(new Dictionary(), undefined, 10 * HOUR, most);

function add(book: AlertBook, subject: string, at: number): void {
  book.add(ORIGIN, found(subject, at), { at, shadow: false });
}

const subjects = (book: AlertBook): string[] => book.entries().map(({ alert }) => alert.subject);

describe('an alert book', () => {
  it('forgets what resolved long ago, and says once what', () => {
    const book = openBook();
    add(book, 'a', T);
    add(book, 'b', T + 5 * HOUR);
    for (let hour = 1; hour <= 11; hour++) {
      book.takeChanged();
      book.advance(T + hour * HOUR);
    }
    expect(subjects(book)).toEqual(['b']);
    expect(book.takeForgotten()).toHaveLength(1);
    expect(book.takeForgotten()).toEqual([]);
  });

  it('forgets nothing before its end was taken, however far time goes at once', () => {
    const book = openBook(0);
    add(book, 'a', T);
    book.advance(T + 100 * HOUR);
    book.advance(T + 200 * HOUR);
    expect(book.takeChanged()).toMatchObject([{ alert: { state: 'resolved' } }]);
    book.advance(T + 202 * HOUR);
    expect(book.size).toBe(0);
  });

  it('keeps what fires, however old', () => {
    const book = openBook();
    for (let hour = 0; hour < 40; hour++) {
      add(book, 'a', T + hour * HOUR);
      book.advance(T + hour * HOUR + 60);
    }
    expect(book.entries()).toMatchObject([{ alert: { count: 40, state: 'firing' } }]);
  });

  it('begins an alert anew that is old enough to be forgotten, whether or not somebody has looked', () => {
    const alerts = [false, true].map((hasLooked) => {
      const book = openBook();
      add(book, 'a', T);
      book.advance(T + HOUR);
      book.takeChanged();
      if (hasLooked) book.advance(T + 11 * HOUR);
      expect(book.size).toBe(hasLooked ? 0 : 1);
      add(book, 'a', T + 11 * HOUR);
      expect(book.takeForgotten()).toEqual([]);
      return book.entries();
    });
    expect(alerts[0]).toEqual(alerts[1]);
    expect(alerts[0]).toMatchObject([{ alert: { count: 1, firstSeen: '2026-01-05T11:00:00.000Z' } }]);
  });

  it('makes room when too many have resolved, the oldest first, and counts them', () => {
    const book = openBook(20);
    for (let i = 0; i < 21; i++) add(book, `s${String(i).padStart(2, '0')}`, T + i);
    add(book, 'firing', T + HOUR);
    book.advance(T + HOUR + 30);
    book.takeChanged();
    book.advance(T + HOUR + 31);
    expect(book.overflow).toBe(3);
    expect(subjects(book).slice(0, 2)).toEqual(['s03', 's04']);
    expect(subjects(book)).toHaveLength(19);
    expect(book.firing).toBe(1);
    expect(book.takeForgotten()).toHaveLength(3);
  });

  it('counts what it restored as what it saw itself', () => {
    const book = openBook(20);
    for (let i = 0; i < 20; i++) add(book, `s${i}`, T);
    book.advance(T + HOUR);
    const again = openBook(20);
    again.restore(book.entries());
    add(again, 'one more', T);
    again.advance(T + HOUR + 60);
    again.takeChanged();
    again.advance(T + HOUR + 61);
    expect(again.size).toBe(18);
    again.advance(T + 12 * HOUR);
    expect(again.size).toBe(0);
  });
});
