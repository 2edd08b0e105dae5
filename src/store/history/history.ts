import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { BufferPool } from '../../columns/buffer-pool.ts';
import type { Dictionary } from '../../columns/dictionary.ts';
import { bytesPerRow, type FlowBatch } from '../../columns/flow-batch.ts';
import type { SessionBatch, WindowBatch } from '../../columns/session-batch.ts';
import type { Reject } from '../../contracts.ts';
import { UserError } from '../../errors.ts';
import type { AppendMessage, SealMessage, Segment, WriterReply, WriterTask } from './messages.ts';
import { RowBuffer } from './row-buffer.ts';
import {
  type ColumnSpec,
  type FieldType,
  flowColumns,
  flowRows,
  REJECT_COLUMNS,
  type RowColumn,
  SESSION_COLUMNS,
  type TableName,
  WINDOW_COLUMNS,
} from './table-spec.ts';

/** Flow rows handed to the writing thread and not yet in a segment, past which `appendFlows` waits. */
const MAX_UNSEALED = 2 << 20;

export interface HistoryOptions {
  readonly dataDir: string;
  readonly names: Dictionary;
  /** Takes the memory of batches that are written. */
  readonly pool: BufferPool;
  /** Stored types of fields that are carried as dictionary codes; others are text. */
  readonly fieldTypes: ReadonlyMap<string, FieldType>;
  /** First number for a segment's name. */
  readonly sequence: number;
}

/** Writes rows to the history on a thread of its own. Nothing is part of the history until a checkpoint lists its segments. */
export class History implements AsyncDisposable {
  readonly #options: HistoryOptions;
  readonly #worker: Worker;
  readonly #sessions = new RowBuffer('sessions', SESSION_COLUMNS);
  readonly #windows = new RowBuffer('windows', WINDOW_COLUMNS);
  #sentNames = 1;
  #unsealed = 0;
  #rowBytes = 0;
  #segments: Segment[] = [];
  #ticket = 0;
  #doneTicket = 0;
  #failure: string | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
    const task: WriterTask = { dataDir: options.dataDir, sequence: options.sequence };
    const file = import.meta.url.endsWith('.ts') ? './writer-worker.ts' : './writer-worker.js';
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData: task });
    this.#worker.on('message', (reply: WriterReply) => this.#receive(reply));
    this.#worker.on('error', (error) => {
      this.#failure = error.message;
    });
  }

  #receive(reply: WriterReply): void {
    if (reply.kind === 'failure') this.#failure = reply.message;
    else if (reply.kind === 'done') this.#doneTicket = reply.ticket;
    else {
      this.#segments.push(reply.segment);
      for (const buffer of reply.buffers) this.#options.pool.put(buffer);
      if (reply.segment.table === 'flows') this.#unsealed -= reply.segment.rows;
    }
  }

  /** Bytes of the flow rows that are not in a segment yet, each as wide as the last one. */
  get waiting(): number {
    return this.#unsealed * this.#rowBytes;
  }

  #check(): void {
    if (this.#failure !== undefined)
      throw new UserError(`cannot write history in ${this.#options.dataDir}: ${this.#failure}`);
  }

  /** Takes the batch over: its memory moves to the writing thread. Waits while too much is unsealed. */
  async appendFlows(batch: FlowBatch): Promise<void> {
    if (batch.length === 0) return;
    // Made for each batch: the layout of one that comes from another thread is a copy of its own.
    const columns = flowColumns(batch.layout, this.#options.fieldTypes);
    this.#unsealed += batch.length;
    this.#rowBytes = bytesPerRow(batch.layout);
    this.#send('flows', columns, flowRows(batch), [batch.buffer]);
    while (this.#unsealed > MAX_UNSEALED && this.#failure === undefined) await once(this.#worker, 'message');
    this.#check();
  }

  appendSessions(sessions: SessionBatch): void {
    this.#sessions.append(sessions, sessions.length, (rows, transfer) =>
      this.#send('sessions', SESSION_COLUMNS, rows, transfer),
    );
  }

  appendWindows(window: WindowBatch): void {
    const times = {
      start: new Uint32Array(window.length).fill(window.start),
      end: new Uint32Array(window.length).fill(window.start + window.size - 1),
    };
    this.#windows.append({ ...window, ...times }, window.length, (rows, transfer) =>
      this.#send('windows', WINDOW_COLUMNS, rows, transfer),
    );
  }

  /** `now`: Unix seconds of event time under which they are filed. */
  appendRejects(rejects: readonly Reject[], now: number): void {
    if (rejects.length === 0) return;
    const texts = [''];
    const columns = new Map<string, RowColumn>();
    for (const name of ['source', 'reason', 'raw'] as const) {
      const codes = new Uint32Array(rejects.length);
      for (const [i, reject] of rejects.entries()) codes[i] = texts.push(reject[name]) - 1;
      columns.set(name, codes);
    }
    columns.set(
      'position',
      Float64Array.from(rejects, (reject) => reject.position),
    );
    columns.set('end', new Uint32Array(rejects.length).fill(now));
    this.#send('rejects', REJECT_COLUMNS, { length: rejects.length, columns, texts }, []);
  }

  #send(
    table: TableName,
    columns: readonly ColumnSpec[],
    rows: AppendMessage['rows'],
    transfer: ArrayBuffer[],
  ): void {
    const { names } = this.#options;
    const message: AppendMessage = {
      kind: 'append',
      table,
      columns,
      rows,
      names: names.since(this.#sentNames),
    };
    this.#sentNames = names.size;
    this.#worker.postMessage(message, transfer);
  }

  /** Seals everything appended so far and returns the segments made since the last call. */
  async seal(): Promise<Segment[]> {
    for (const [table, buffer, columns] of [
      ['sessions', this.#sessions, SESSION_COLUMNS],
      ['windows', this.#windows, WINDOW_COLUMNS],
    ] as const)
      buffer.flush((rows, transfer) => this.#send(table, columns, rows, transfer));
    const message: SealMessage = { kind: 'seal', ticket: ++this.#ticket };
    this.#worker.postMessage(message);
    while (this.#doneTicket < message.ticket && this.#failure === undefined)
      await once(this.#worker, 'message');
    this.#check();
    const segments = this.#segments;
    this.#segments = [];
    return segments;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
