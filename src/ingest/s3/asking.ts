import type { SourceEvents } from '../source.ts';
import { type Downloads, isRefusal, statusOf } from './download.ts';
import type { Waiting, Wanted } from './waiting.ts';

/** New objects on their way, beside the one that is read. Of those that were refused before one is asked for at a time, which holds up no other. */
const AHEAD = 3;
/** What is refused for longer is given up, so that what is not for us does not grow for ever. SQS keeps no message longer. */
const GIVE_UP_DAYS = 14;
/** Milliseconds between two warnings that objects are refused. */
const WARN_MS = 60_000;

/** What became of asking for an object; `refusedAt`: it cannot be had for now, and that is news. Unix milliseconds. */
export type Asked = { readonly path: string } | { readonly gone: string } | { readonly refusedAt: number };

export interface AskOptions {
  readonly source: string;
  readonly bucket: string;
  readonly waiting: Waiting;
  readonly downloads: Downloads;
  readonly log: SourceEvents['log'];
  /** Nothing more can be read at this moment. */
  onIdle(): void;
}

interface Question {
  readonly wanted: Wanted;
  answer?: Awaited<ReturnType<Downloads['get']>> | Error;
}

/** Asks for what waits. */
export interface Asking {
  /** What became of each object, new ones in their order, until `signal` aborts. */
  answers(signal: AbortSignal): AsyncGenerator<[Wanted, Asked]>;
  /** More waits, or there may be nothing more. */
  wake(): void;
}

export function createAsking(options: AskOptions): Asking {
  const { waiting, downloads } = options;
  let wake = (): void => {};
  let warnedAt = Number.NEGATIVE_INFINITY;

  const ask = (wanted: Wanted, signal: AbortSignal): Question => {
    const question: Question = { wanted };
    void downloads
      .get(wanted.key, wanted.etag, signal)
      .catch((error: Error) => error)
      .then((answer) => {
        question.answer = answer;
        wake();
      });
    return question;
  };

  /** One warning for all: there may be thousands. */
  const warn = ({ key }: Wanted, error: Error): void => {
    const at = performance.now();
    if (at - warnedAt < WARN_MS) return;
    warnedAt = at;
    const { source, bucket } = options;
    options.log('warn', 'objects cannot be read; they are asked for again', {
      ...{ source, bucket, refused: waiting.refused },
      ...{ key, status: statusOf(error) ?? 'no answer', error: `${error.name}: ${error.message}` },
    });
  };

  const refuse = (wanted: Wanted, error: Error): Asked | undefined => {
    const refusedAt = wanted.refusedAt ?? Date.now();
    if (isRefusal(error) && Date.now() - refusedAt > GIVE_UP_DAYS * 86_400_000)
      return { gone: `it was refused for ${GIVE_UP_DAYS} days` };
    waiting.refuse({ ...wanted, refusedAt });
    warn(wanted, error);
    return wanted.refusedAt === undefined ? { refusedAt } : undefined;
  };

  const sleep = async (ms: number | undefined, signal: AbortSignal): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (ms !== undefined) timer = setTimeout(resolve, ms);
      if (signal.aborted) resolve();
    });
    clearTimeout(timer);
  };

  return {
    async *answers(signal) {
      signal.addEventListener('abort', () => wake(), { once: true });
      const coming: Question[] = [];
      let again: Question | undefined;
      while (!signal.aborted) {
        while (coming.length <= AHEAD && waiting.added > 0) coming.push(ask(waiting.next()!, signal));
        const refused = again === undefined ? waiting.nextRefused() : undefined;
        if (refused !== undefined) again = ask(refused, signal);
        const answered = again?.answer === undefined ? coming[0] : again;
        if (answered?.answer === undefined) {
          if (answered === undefined && again === undefined) options.onIdle();
          await sleep(again === undefined ? waiting.pause() : undefined, signal);
          continue;
        }
        if (answered === again) again = undefined;
        else coming.shift();
        const { wanted, answer } = answered;
        const asked = answer instanceof Error ? refuse(wanted, answer) : answer;
        if (asked !== undefined) yield [wanted, asked];
      }
    },
    wake: () => wake(),
  };
}
