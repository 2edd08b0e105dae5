import type { Message } from './message.ts';

/** Why a message was not taken. A closed set: each is a label of metrics and a line of the documentation. */
export const FAILURES = [
  'unauthorized',
  'refused',
  'gone',
  'too-large',
  'rate-limited',
  'unavailable',
  'timeout',
  'unreachable',
  'untrusted',
  'bad-answer',
  'expired',
] as const;
export type FailureReason = (typeof FAILURES)[number];

/** What trying again cannot mend. */
export const PERMANENT: ReadonlySet<FailureReason> = new Set([
  'unauthorized',
  'refused',
  'gone',
  'too-large',
  'expired',
]);

/** What became of one attempt. */
export type Outcome =
  | {
      readonly delivered: true;
      /** What the other side answered, in a few words. */
      readonly answer: string;
      /** What later messages of the same unit need to know, such as a thread; without it what was known stays. */
      readonly note?: string;
    }
  | {
      readonly delivered: false;
      readonly reason: FailureReason;
      /** For whoever has to mend it: short, without secrets. */
      readonly detail: string;
      /** Seconds that the other side asked to wait. */
      readonly retryAfter?: number;
    };

/**
 * What one message is about. `group`: all that was grouped. `alert`: one alert, which the other side tracks by itself. `batch`: whatever is
 * there, a line each, without waiting.
 */
export type Unit = 'group' | 'alert' | 'batch';

/** What a type of sink is like, whatever its configuration. */
export interface SinkTraits {
  readonly unit: Unit;
  /** Messages a minute, unless configured: what people can read, or what the other side takes. */
  readonly rate: number;
  /** Milliseconds between two messages, at least. */
  readonly spacing?: number;
  /** What comes to more than the rate is folded into one digest. */
  readonly folds: boolean;
  /** Wants to hear again of what still fires. */
  readonly repeats: boolean;
  /** Wants to hear that somebody took over. */
  readonly acknowledges: boolean;
  /** Messages on their way at once when answers take more than a second; those of one unit come one after the other. */
  readonly concurrency: number;
}

/** Where alerts go. One attempt a call; retry, rate and order are the courier's. */
export interface Sink {
  readonly traits: SinkTraits;
  /** What {@link deliver} would hand over, without secrets: for people who want to see it. */
  preview(message: Message): string;
  /** Tries once, within the time that `signal` gives. Never throws for what the other side or the network does. */
  deliver(message: Message, signal: AbortSignal): Promise<Outcome>;
  close(): void | Promise<void>;
}
