import type { Column, SnapshotParts } from '../columns/snapshot.ts';
import { FlowTable } from './flow-table.ts';
import { InterfaceCounts } from './interface-counts.ts';

/** An open step as its saved state names it; its rows are columns of their own. */
export interface SavedStep {
  readonly start: number;
  readonly records: number;
  readonly longRecords: number;
}

/** The steps that are not closed yet, by their start in Unix seconds, and memory for the next ones. */
export class OpenSteps {
  /** Connections in all of them. */
  flows = 0;
  readonly #tables = new Map<number, FlowTable>();
  #spare: FlowTable[] = [];

  get size(): number {
    return this.#tables.size;
  }

  /** Infinity without one. */
  get first(): number {
    return Math.min(...this.#tables.keys());
  }

  /** 0 without one. */
  get last(): number {
    return Math.max(0, ...this.#tables.keys());
  }

  get(start: number): FlowTable | undefined {
    return this.#tables.get(start);
  }

  /** Opens the step that begins at `start`. */
  open(start: number): FlowTable {
    const table = this.blank();
    this.#tables.set(start, table);
    return table;
  }

  close(start: number, table: FlowTable): void {
    this.flows -= table.length;
    this.#tables.delete(start);
    this.recycle(table);
  }

  /** A table that is no step. */
  blank(): FlowTable {
    return this.#spare.pop() ?? new FlowTable();
  }

  recycle(table: FlowTable): void {
    table.clear();
    if (this.#spare.length < 4 && table.capacity <= 65_536) this.#spare.push(table);
  }

  /** Adds the rows to `columns`. */
  save(columns: Record<string, Column | SnapshotParts>): SavedStep[] {
    return [...this.#tables].map(([start, table]) => {
      columns[`flows-${start}`] = table.rows();
      columns[`interfaces-${start}`] = table.interfaces.rows();
      return { start, records: table.records, longRecords: table.longRecords };
    });
  }

  restore(columns: ReadonlyMap<string, Column>, saved: readonly SavedStep[]): void {
    this.#tables.clear();
    this.flows = 0;
    for (const { start, records, longRecords } of saved) {
      const table = FlowTable.from(columns.get(`flows-${start}`) as Uint32Array);
      const interfaces = columns.get(`interfaces-${start}`);
      // Folders of before interfaces were counted have none.
      if (interfaces !== undefined) table.interfaces = InterfaceCounts.from(interfaces as Uint32Array);
      table.records = records;
      table.longRecords = longRecords;
      this.flows += table.length;
      this.#tables.set(start, table);
    }
  }
}
