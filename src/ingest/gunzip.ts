import { createGunzip, type Gunzip } from 'node:zlib';

/** A source that can't be read to its end: what came before is good. */
export interface DamagedEnd {
  readonly damage: 'bad-gzip';
  readonly note: string;
}

export type Chunks = AsyncIterable<Uint8Array | DamagedEnd>;

/** Bytes of a chunk that is yielded, about. */
const CHUNK_BYTES = 1 << 20;
/** Past {@link BOMB_FLOOR} inflated bytes a ratio above this is a bomb: real flow logs compress 5 to 20 times. */
const BOMB_RATIO = 200;
const BOMB_FLOOR = 64 << 20;

/**
 * Inflates gzip, concatenated members included. Inflating runs on the thread pool, one input ahead of the reader. All that could be
 * inflated before an error is yielded, then the damage. `open` opens the compressed bytes from their begin; they should come in pieces
 * of some ten kilobytes, because what one piece inflates to is held in memory.
 */
export async function* inflate(open: () => Chunks): AsyncGenerator<Uint8Array | DamagedEnd> {
  const state = startGunzip();
  let input = 0;
  let yielded = 0;
  try {
    let pending: Promise<void> | undefined;
    let cut: DamagedEnd | undefined;
    for await (const piece of open()) {
      if ('damage' in piece) {
        cut = piece;
        break;
      }
      input += piece.length;
      await pending;
      if (state.error !== undefined) break;
      const ready = take(state);
      if (state.output > BOMB_FLOOR && state.output > input * BOMB_RATIO) {
        yield* ready;
        yield { damage: 'bad-gzip', note: `inflates more than ${BOMB_RATIO} times: refused` };
        return;
      }
      // The source re-uses its buffers, and this one is inflated while the next is read.
      pending = write(state, Buffer.from(piece));
      for (const chunk of ready) {
        yielded += chunk.length;
        yield chunk;
      }
    }
    await pending;
    if (state.error === undefined) {
      state.gunzip.end();
      await state.settled;
    }
    for (const chunk of take(state)) {
      yielded += chunk.length;
      yield chunk;
    }
    if (state.error === undefined && cut === undefined) return;
    if (state.error !== undefined) yield* rest(open, yielded);
    yield cut ?? { damage: 'bad-gzip', note: state.error ?? '' };
  } finally {
    state.gunzip.destroy();
  }
}

/**
 * What a damaged source holds past its first `known` inflated bytes. zlib drops the output of the piece that an error is in, so
 * everything is inflated again, that piece byte by byte.
 */
async function* rest(open: () => Chunks, known: number): AsyncGenerator<Uint8Array> {
  const good = await goodBytes(open);
  const state = startGunzip();
  let skip = known;
  let input = 0;
  try {
    for await (const piece of open()) {
      if ('damage' in piece || input >= good) return;
      const from = input;
      input += piece.length;
      await write(state, Buffer.from(piece.subarray(0, Math.min(piece.length, good - from))));
      for (const chunk of take(state)) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        if (fresh.length > 0) yield fresh;
      }
    }
  } finally {
    state.gunzip.destroy();
  }
}

/** Length of the longest begin of a damaged source that inflates without an error. */
async function goodBytes(open: () => Chunks): Promise<number> {
  let from = 0;
  let to = 0;
  const whole = startGunzip();
  try {
    for await (const piece of open()) {
      if ('damage' in piece) break;
      from = to;
      to += piece.length;
      await write(whole, Buffer.from(piece));
      take(whole);
      if (whole.error !== undefined) break;
    }
    // Cut short: an error only at the end, so all of it is good.
    if (whole.error === undefined) return to;
  } finally {
    whole.gunzip.destroy();
  }
  const fine = startGunzip();
  let at = 0;
  try {
    for await (const piece of open()) {
      if ('damage' in piece) return at;
      const step = at < from ? piece.length : 1;
      for (let i = 0; i < piece.length; i += step) {
        await write(fine, Buffer.from(piece.subarray(i, i + step)));
        take(fine);
        if (fine.error !== undefined) return at;
        at += step;
      }
    }
    return at;
  } finally {
    fine.gunzip.destroy();
  }
}

interface State {
  readonly gunzip: Gunzip;
  /** Resolves at the end or at an error. */
  readonly settled: Promise<void>;
  queue: Uint8Array[];
  output: number;
  error: string | undefined;
}

function startGunzip(): State {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  let settle = (): void => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const state: State = { gunzip, settled, queue: [], output: 0, error: undefined };
  gunzip.on('data', (chunk: Uint8Array) => {
    state.output += chunk.length;
    state.queue.push(chunk);
  });
  gunzip.on('error', (error) => {
    state.error = error.message;
    settle();
  });
  gunzip.once('end', settle);
  return state;
}

/** Resolves when what the bytes inflate to is in the queue, or there is an error. */
function write(state: State, bytes: Uint8Array): Promise<void> {
  const written = new Promise<void>((resolve) => {
    state.gunzip.write(bytes, () => resolve());
  });
  return Promise.race([written, state.settled]);
}

function take(state: State): Uint8Array[] {
  const ready = state.queue;
  state.queue = [];
  return ready;
}
