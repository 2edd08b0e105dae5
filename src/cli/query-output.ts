import { EOL } from 'node:os';
import type { QueryResult } from '../store/query/query.ts';
import { csvLine } from './csv.ts';
import { tableText } from './table.ts';
import { safe, toJson } from './terminal.ts';

export const TEXT_FORMATS = ['table', 'csv', 'json', 'jsonl'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** DuckDB's types that are aligned to the right. */
const NUMERIC = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL)/;

/** A result as text; `forTerminal` makes CSV safe to show too (the other formats always are). */
export function formatResult(result: QueryResult, format: TextFormat, forTerminal: boolean): string {
  const { columns, rows } = result;
  const names = columns.map((column) => column.name);
  if (format === 'csv') {
    const lines = [csvLine(names), ...rows.map(csvLine)];
    return (forTerminal ? lines.map((line) => safe(line.trimEnd()) + EOL) : lines).join('');
  }
  if (format === 'table') {
    const right = columns.flatMap(({ type }, index) => (NUMERIC.test(type) ? [index] : []));
    const body = rows.map((row) => row.map((value) => safe(cellText(value))));
    return `${tableText(names.map(safe), body, right)}\n`;
  }
  const records = rows.map((row) =>
    toJson(Object.fromEntries(names.map((name, index) => [name, row[index]]))),
  );
  if (format === 'jsonl') return records.map((record) => `${record}\n`).join('');
  return `[${records.join(',\n')}]\n`;
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
