import type { Alert, Guide } from '../contracts.ts';
import type { AlertWords, Message, Words } from './message.ts';

export interface WordingOptions {
  /** What is said of a detector's alerts; undefined when nothing is known of it. */
  guideOf(detector: string): Guide | undefined;
}

/** What a message says beside its data. */
export type Wording = (message: Message) => Words;

export function createWording({ guideOf }: WordingOptions): Wording {
  const wordsOf = ({ detector }: Alert): AlertWords => guideOf(detector) ?? {};
  return ({ alerts }) => ({ alerts: Object.fromEntries(alerts.map((alert) => [alert.id, wordsOf(alert)])) });
}
