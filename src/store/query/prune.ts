import { type Prefix, parseAddress, parsePrefix, prefixMask } from '../../columns/address.ts';
import { type Node, walk } from './guard.ts';

/** Address columns of the views that can be asked for by text while the files hold 16-byte values. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  flows: ['srcaddr', 'dstaddr', 'pkt_srcaddr', 'pkt_dstaddr'],
  sessions: ['srcaddr', 'dstaddr'],
  windows: ['subject'],
};

/**
 * A condition on the stored address columns of `view` that every row of the statement's result fulfils anyway, as SQL; undefined when there is
 * none. The view is made with it, so that DuckDB skips files and row groups by their statistics and dictionaries; the statement itself stays
 * as it is. Only a view that is named once, alone in its FROM, is narrowed.
 */
export function impliedCondition(
  statement: Node,
  view: string,
  parameters: readonly unknown[],
): string | undefined {
  const columns = ADDRESSES[view];
  if (columns === undefined) return undefined;
  let uses = 0;
  let condition: string | undefined;
  walk(statement, (node) => {
    if (isView(node, view)) uses++;
    const from = node.from_table;
    if (node.type === 'SELECT_NODE' && isObject(from) && isView(from, view) && isPlain(node, from)) {
      const aliases = [view, String(from.alias ?? '')];
      condition = derive(node.where_clause, columns, aliases, parameters);
    }
  });
  return uses === 1 ? condition : undefined;
}

/** Whether the statement reads a view. */
export function namesView(statement: Node, view: string): boolean {
  let names = false;
  walk(statement, (node) => {
    names ||= isView(node, view);
  });
  return names;
}

function isObject(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

function isView(node: Node, view: string): boolean {
  return node.type === 'BASE_TABLE' && String(node.table_name).toLowerCase() === view;
}

/** A sample is taken before WHERE, and `FROM flows AS f(a, b)` gives columns other names. */
function isPlain(select: Node, from: Node): boolean {
  const renamed = from.column_name_alias;
  return select.sample === null && from.sample === null && Array.isArray(renamed) && renamed.length === 0;
}

function derive(
  value: unknown,
  columns: readonly string[],
  aliases: readonly string[],
  parameters: readonly unknown[],
): string | undefined {
  if (!isObject(value)) return undefined;
  const children = Array.isArray(value.children) ? (value.children as unknown[]) : [];
  const inner = (child: unknown): string | undefined => derive(child, columns, aliases, parameters);
  if (value.type === 'CONJUNCTION_AND') {
    const parts = children.map(inner).filter((part) => part !== undefined);
    return parts.length === 0 ? undefined : `(${parts.join(' AND ')})`;
  }
  if (value.type === 'CONJUNCTION_OR') {
    const parts = children.map(inner);
    return parts.includes(undefined) ? undefined : `(${parts.join(' OR ')})`;
  }
  const column = (node: unknown): string | undefined => columnOf(node, columns, aliases);
  const text = (node: unknown): string | undefined => constantOf(node, parameters);
  if (value.type === 'COMPARE_EQUAL') {
    const name = column(value.left) ?? column(value.right);
    const address = text(value.right) ?? text(value.left);
    return name === undefined || address === undefined ? undefined : equals(name, [address]);
  }
  if (value.type === 'COMPARE_IN') {
    const name = column(children[0]);
    const addresses = children.slice(1).map(text);
    if (name === undefined || addresses.length === 0 || addresses.includes(undefined)) return undefined;
    return equals(name, addresses as string[]);
  }
  if (value.class === 'FUNCTION' && value.function_name === 'in_cidr') {
    const name = column(children[0]);
    const network = text(children[1]);
    return name === undefined || network === undefined ? undefined : between(name, network);
  }
  return undefined;
}

function columnOf(node: unknown, columns: readonly string[], aliases: readonly string[]): string | undefined {
  if (!isObject(node) || node.class !== 'COLUMN_REF') return undefined;
  const names = (node.column_names as unknown[]).map((name) => String(name).toLowerCase());
  const name = names.at(-1)!;
  if (names.length > 2 || (names.length === 2 && !aliases.includes(names[0]!))) return undefined;
  return columns.includes(name) ? name : undefined;
}

function constantOf(node: unknown, parameters: readonly unknown[]): string | undefined {
  if (!isObject(node)) return undefined;
  if (node.class === 'PARAMETER') {
    const value = parameters[Number(node.identifier) - 1];
    return typeof value === 'string' ? value : undefined;
  }
  if (node.class !== 'CONSTANT') return undefined;
  const value = (node.value as Node | undefined)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** A text that is no canonical address equals no value of the column, but which text is canonical is the view's business: no condition then. */
function equals(column: string, addresses: readonly string[]): string | undefined {
  const values = addresses.map((address) => parseAddress(address));
  if (values.includes(undefined)) return undefined;
  return `"${column}" IN (${values.map((words) => `UUID '${uuidOf(words!)}'`).join(', ')})`;
}

function between(column: string, network: string): string | undefined {
  const prefix = parsePrefix(network);
  return prefix === undefined ? undefined : inNetwork(column, prefix);
}

/** A condition that holds for the addresses of a network. */
export function inNetwork(column: string, prefix: Prefix): string {
  const last = prefix.words.map((word, i) => word | ~prefixMask(prefix.length, i));
  return `"${column}" BETWEEN UUID '${uuidOf(prefix.words)}' AND UUID '${uuidOf(last)}'`;
}

/** Four words as DuckDB writes a UUID. */
export function uuidOf(words: Uint32Array): string {
  const hex = [...words].map((word) => word.toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
