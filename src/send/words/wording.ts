import type { Alert, Guide } from '../../contracts.ts';
import { type AlertWords, type Message, total, type Words, worst } from '../message.ts';
import { compileTemplate, type Templates } from './template.ts';
import { endsOf, linkTo } from './text.ts';

export interface WordingOptions {
  /** What is said of a detector's alerts; undefined when nothing is known of it. */
  guideOf(detector: string): Guide | undefined;
  readonly templates?: Templates | undefined;
  /** Where links lead. */
  readonly console?: string | undefined;
  /** A template could not be used: our own text stands in its place. */
  onFailure(template: keyof Templates, why: string): void;
}

/** What a message says beside its data. Never throws: without a word of the user's our own is said. */
export type Wording = (message: Message) => Words;

type Name = keyof Templates;

export function createWording({ guideOf, templates = {}, console, onFailure }: WordingOptions): Wording {
  const compiled = new Map<Name, ReturnType<typeof compileTemplate>>();
  for (const [name, text] of Object.entries(templates))
    if (text !== undefined) compiled.set(name as Name, compileTemplate(text));

  /** Undefined when there is no such template, or it failed. */
  function render(name: Name, fields: object): string | undefined {
    try {
      return compiled.get(name)?.(fields);
    } catch (error) {
      onFailure(name, (error as Error).message);
      return undefined;
    }
  }

  function wordsOf(alert: Alert, message: Message, about: object): AlertWords {
    const { name, meaning, check } = guideOf(alert.detector) ?? {};
    if (compiled.size === 0) return given({ name, meaning, check });
    const fields = { ...about, alert: alertFields(alert) };
    const own = render('meaning', fields);
    const isOver = alert.state === 'resolved' || message.event === 'resolved';
    const sentence = isOver && compiled.has('resolved') ? 'resolved' : 'sentence';
    return given({
      name,
      meaning: own ?? meaning,
      check: own === undefined ? check : undefined,
      // Something has to be said.
      sentence: render(sentence, fields) || undefined,
      numbers: render('numbers', fields),
      next: render('next', fields),
    });
  }

  function alertFields(alert: Alert): object {
    const { name, meaning, check } = guideOf(alert.detector) ?? {};
    return {
      ...{ ...alert, short: alert.id.slice(0, 8), ends: endsOf(alert), link: linkTo(console, alert) },
      ...{ name: name ?? alert.detector, meaning, check },
    };
  }

  return (message) => {
    const { sink, event, kind, firing, resolved, repeat, test, at, labels, counts } = message;
    const count = total(counts);
    const severity = worst(message);
    const about = {
      console,
      message: { sink, event, kind, severity, count, firing, resolved, repeat, test, at, labels, counts },
    };
    const [first] = message.alerts;
    const whole = compiled.size === 0 ? about : { ...about, alert: first && alertFields(first) };
    return given({
      title: render('title', whole) || undefined,
      digest: count > 1 ? render('digest', whole) || undefined : undefined,
      alerts: Object.fromEntries(message.alerts.map((alert) => [alert.id, wordsOf(alert, message, about)])),
    });
  };
}

/** Without what is undefined. */
function given<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
