import { readSecret } from '../../outbound/secret.ts';
import type { Delivery, Resume, Source, SourceEvents } from '../source.ts';
import { rememberRequests } from './ids.ts';
import type { FirehoseOptions } from './options.ts';
import { readRequest } from './request.ts';

/** Listens at a place, and gives requests with the right key in `keyHeader` to `handle`; `src/serve/deliveries.ts` has it. */
export type Listen = (
  place: Pick<FirehoseOptions, 'host' | 'port' | 'tls' | 'path' | 'maxBodyBytes'> & {
    readonly keyHeader: string;
    readonly key: string;
    readonly requestSeconds: number;
  },
  handle: (request: Request) => Promise<Response>,
  log: Readonly<Record<'info' | 'warn' | 'error', (message: string, details?: object) => void>>,
) => Promise<{ readonly url: string; close(deadline: number): Promise<void> }>;

/** A request that is read, until it is durable. */
interface Waiting {
  readonly id: string;
  /** Empty once they are delivered. */
  messages: readonly Uint8Array[];
  readonly bytes: number;
  readonly sentAt: number | undefined;
  /** The id it was delivered with, and where. */
  delivered?: { readonly id: string; readonly offset: number };
  readonly answers: Set<(durable: boolean) => void>;
}

/** There is one partition, which counts requests; what is known of each of them are ids. */
const PARTITION = 'requests';
const LANE = 'requests';
const REQUEST_ID = /^[\w.:-]{1,128}$/;
/** Firehose takes a request for failed when it has no answer after 3 minutes: it is told before. */
const ANSWER_MS = 170_000;
/** For a request to arrive; a connection at its age lasts so much longer, so that the answer still finds it. */
const REQUEST_SECONDS = 200;
const CLOSE_MS = 1000;
/** Each kind of trouble is logged so often at most. */
const LOG_MS = 60_000;

/**
 * The endpoint of a Firehose stream. A request is answered when its records are durable, and known again by its id, which all attempts share,
 * for `remember` seconds. Whatever finds no room is refused, so that Firehose sends it again. Throws a UserError when it cannot listen.
 */
export async function createFirehoseSource(
  options: FirehoseOptions,
  resume: Resume,
  events: SourceEvents,
  listen: Listen,
): Promise<Source> {
  const { maxBodyBytes, maxWaitingBytes, maxWaitingRequests, format } = options;
  const ids = rememberRequests(resume.ids.get(PARTITION) ?? new Set(), options.remember);
  /** By request, in the order they came, which is the one they are delivered in. */
  const waiting = new Map<string, Waiting>();
  const queue: Waiting[] = [];
  const logged = new Map<string, number>();
  let next = resume.positions.get(PARTITION)?.next ?? 0;
  /** Bytes being received or in the queue. */
  let held = 0;
  /** Records of known requests that no delivery has told of yet. */
  let duplicates = 0;
  let stopping = false;
  let wake = (): void => {};
  let turn: Promise<unknown> = Promise.resolve();

  function complain(message: string, details: Readonly<Record<string, string | number>>): void {
    const time = performance.now();
    if (time - (logged.get(message) ?? Number.NEGATIVE_INFINITY) < LOG_MS) return;
    logged.set(message, time);
    events.log('warn', message, { source: options.name, ...details });
  }

  function refuse(id: string, status: number, message: string): Response {
    if (status !== 503) complain('a Firehose request cannot be used', { request: id, status, why: message });
    return reply(id, status, message);
  }

  function comeAgain(id: string): Response {
    if (!stopping) complain('too many Firehose requests wait: they have to come again', { bytes: held });
    return reply(id, 503, stopping ? 'stopping' : 'too many requests wait');
  }

  /** One request is unzipped and parsed at a time, which bounds what that takes. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  }

  async function handle(request: Request): Promise<Response> {
    const id = request.headers.get('x-amz-firehose-request-id') ?? '';
    if (!REQUEST_ID.test(id)) return refuse('', 400, 'X-Amz-Firehose-Request-Id is missing or not usable');
    const announced = Number(request.headers.get('content-length') ?? maxBodyBytes);
    const isFull = (more: number) =>
      stopping || waiting.size >= maxWaitingRequests || held + more > maxWaitingBytes;
    if (isFull(announced)) return comeAgain(id);
    held += announced;
    let content: Awaited<ReturnType<typeof readRequest>>;
    try {
      const body = new Uint8Array(await request.arrayBuffer());
      content = await inTurn(() =>
        readRequest(body, request.headers.get('content-encoding'), id, maxBodyBytes),
      );
    } catch {
      return refuse(id, 400, 'the body did not come whole');
    } finally {
      held -= announced;
    }
    if ('status' in content) return refuse(id, content.status, content.message);
    if (ids.has(id)) {
      duplicates += content.messages.length;
      wake();
      return reply(id, 200);
    }
    let entry = waiting.get(id);
    if (entry !== undefined) duplicates += content.messages.length;
    else {
      if (isFull(content.bytes)) return comeAgain(id);
      entry = { id, ...content, answers: new Set() };
      waiting.set(id, entry);
      queue.push(entry);
      held += entry.bytes;
    }
    wake();
    return (await durable(entry)) ? reply(id, 200) : reply(id, 503, 'not durable yet');
  }

  function deliver(entry: Waiting | undefined): Delivery {
    const known = duplicates > 0 ? { duplicates } : {};
    duplicates = 0;
    const offset = next++;
    const delivery = {
      partition: PARTITION,
      lane: LANE,
      content: { kind: 'messages' as const, messages: entry?.messages ?? [] },
      from: offset,
      to: next,
      last: false,
      format,
      idsFrom: ids.forget(),
      ...known,
    };
    if (entry === undefined) return delivery;
    entry.delivered = { id: ids.idOf(entry.id), offset };
    entry.messages = [];
    held -= entry.bytes;
    return {
      ...delivery,
      ids: [entry.delivered.id],
      ...(entry.sentAt === undefined ? {} : { availableAt: entry.sentAt }),
    };
  }

  /** What was not delivered comes again. */
  function stop(): void {
    stopping = true;
    for (const entry of queue.splice(0)) {
      held -= entry.bytes;
      settle(entry, false);
    }
    wake();
  }

  function settle(entry: Waiting, isDurable: boolean): void {
    waiting.delete(entry.id);
    for (const answer of entry.answers) answer(isDurable);
  }

  const server = await listen(
    {
      ...options,
      keyHeader: 'x-amz-firehose-access-key',
      key: (await readSecret(options.accessKey, 'the access key')).reveal(),
      requestSeconds: REQUEST_SECONDS,
    },
    handle,
    {
      info: (message, details) => events.log('info', message, plain(details)),
      warn: (message, details) => events.log('warn', message, plain(details)),
      error: (message, details) => events.log('error', message, plain(details)),
    },
  );

  return {
    async *deliveries(signal) {
      events.lanes([LANE]);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      while (!stopping) {
        const entry = queue.shift();
        if (entry !== undefined || duplicates > 0) {
          yield deliver(entry);
          continue;
        }
        events.caughtUp(LANE);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async acknowledge(covered) {
      for (const { partition, next: end } of covered) {
        if (partition !== PARTITION) continue;
        for (const entry of waiting.values()) {
          if (entry.delivered === undefined || entry.delivered.offset >= end) break;
          ids.add(entry.delivered.id);
          settle(entry, true);
        }
      }
    },
    async close() {
      stop();
      for (const entry of waiting.values()) settle(entry, false);
      await server.close(CLOSE_MS);
    },
  };
}

/** Waits until a request is durable, or known not to become so in time. */
function durable({ answers }: Waiting): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (isDurable: boolean): void => {
      clearTimeout(timer);
      answers.delete(answer);
      resolve(isDurable);
    };
    const timer = setTimeout(answer, ANSWER_MS, false);
    answers.add(answer);
  });
}

/** As Firehose takes it; anything else is a failure to it. */
function reply(requestId: string, status: number, errorMessage?: string): Response {
  return Response.json({ requestId, timestamp: Date.now(), errorMessage }, { status });
}

/** Details that a log line of another thread can hold. */
function plain(details: object = {}): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => [
      key,
      typeof value === 'number' || typeof value === 'boolean'
        ? value
        : value instanceof Error
          ? value.message
          : String(value),
    ]),
  );
}
