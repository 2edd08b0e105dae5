/** Work beside ingest, a piece at a time, of which the result waits for a checkpoint; disposing of it ends it. */
export interface StagedWork<Result> extends AsyncDisposable {
  readonly isReady: boolean;
  /** The result, for the checkpoint that begins. */
  take(): Result | undefined;
  /** What was taken is durable. */
  settle(): void;
  /** A result that no checkpoint made durable. */
  readonly unsettled: Result | undefined;
}

/** Milliseconds between two looks at whether there is something to do. */
const LOOK_MS = 250;

/**
 * `next` begins a piece of work when there is one and no result waits; `taken` is the result in a checkpoint that is not durable yet. `signal`
 * aborts when this is disposed of; what `next` gives never rejects.
 */
export function createStagedWork<Result>(
  next: (signal: AbortSignal, taken: Result | undefined) => Promise<Result | undefined> | undefined,
): StagedWork<Result> {
  const closing = new AbortController();
  let ready: Result | undefined;
  let taken: Result | undefined;
  let working: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (working !== undefined || ready !== undefined) return;
    working = next(closing.signal, taken)?.then((result) => {
      ready = result;
      working = undefined;
    });
  }, LOOK_MS);
  return {
    get isReady() {
      return ready !== undefined;
    },
    take() {
      taken = ready;
      ready = undefined;
      return taken;
    },
    settle() {
      taken = undefined;
    },
    get unsettled() {
      return ready ?? taken;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      closing.abort();
      await working;
    },
  };
}
