import type { Command } from 'commander';
import type { InventoryEntry } from '../contracts.ts';
import { EXIT, UserError } from '../errors.ts';
import { configOption, dataOption, timeOf, whole } from './options.ts';
import { tableText } from './table.ts';
import { cut, grouped, minuteOf, note, print, safe } from './terminal.ts';

interface ListOptions {
  readonly data: string;
  readonly config?: string;
  readonly at?: number;
  readonly limit: number;
  readonly json?: boolean;
}

const NAME_WIDTH = 32;
const ADDRESSES_WIDTH = 44;

export function addInventory(program: Command): void {
  const inventory = program
    .command('inventory')
    .summary('what has which address, and since when')
    .description('Shows what alerts know of the things they are about: see docs/inventory.md.')
    .addHelpText(
      'after',
      `
Examples:
  flowsentry inventory list 10.0.3.7 --at 2026-01-05T10:00 --config flowsentry.yaml
  flowsentry inventory fetch --config flowsentry.yaml > inventory.jsonl`,
    );
  inventory
    .command('list')
    .summary('entries of the inventory')
    .description('Lists what the file says now, and what a service of the data folder knew last of EC2.')
    .argument('[names...]', 'only what has this address, or is this interface or id')
    .option('--at <time>', 'only what held at this UTC date or time', timeOf)
    .option('--limit <n>', 'at most so many', whole(1), 100)
    .addOption(dataOption())
    .addOption(configOption())
    .option('--json', 'print an entry a line, as a file of the inventory has it')
    .addHelpText(
      'after',
      `
Examples:
  flowsentry inventory list --config flowsentry.yaml
  flowsentry inventory list i-0123456789abcdef0 10.0.3.7 --json`,
    )
    .action(list);
  inventory
    .command('fetch')
    .summary('ask EC2 now')
    .description(
      'Asks the accounts of the configuration once and prints an entry a line: a file for a replay.',
    )
    .addOption(configOption())
    .addHelpText(
      'after',
      `
Examples:
  flowsentry inventory fetch --config flowsentry.yaml > inventory.jsonl`,
    )
    .action(fetch);
}

async function list(names: readonly string[], options: ListOptions): Promise<void> {
  const { at, data, limit } = options;
  const { loadConfig } = await import('../config.ts');
  const { keptInventory, openInventory } = await import('../inventory.ts');
  const { formatAddress, parseAddress } = await import('../columns/address.ts');
  const inventory = await openInventory(await loadConfig(options.config), await keptInventory(data));
  if (inventory === undefined)
    throw new UserError('no inventory is configured: name a file or ec2 under inventory:', {
      exitCode: EXIT.usage,
    });
  const wanted = new Set(
    names.map((name) => {
      const words = parseAddress(name);
      return words === undefined ? name : formatAddress(words);
    }),
  );
  const { entryText, isHeldAt } = await import('../reference/inventory/file.ts');
  const found = inventory.parts
    .flatMap(({ entries }) => entries)
    .filter(
      (entry) =>
        (at === undefined || isHeldAt(entry, at)) &&
        (wanted.size === 0 ||
          [entry.id, entry.interface ?? '', ...entry.addresses].some((name) => wanted.has(name))),
    );
  const shown = found.slice(0, limit);
  if (options.json === true) for (const entry of shown) print(entryText(entry));
  else if (shown.length > 0) print(entryTable(shown));
  else print('nothing of that in the inventory');
  if (shown.length < found.length)
    note(`${grouped(found.length - shown.length)} more: allow them with --limit ${found.length}`);
}

function entryTable(entries: readonly InventoryEntry[]): string {
  return tableText(
    ['id', 'name', 'role', 'addresses', 'from (UTC)', 'to (UTC)'],
    entries.map(({ id, name, role, addresses, from, to }) => [
      safe(id),
      cut(safe(name ?? ''), NAME_WIDTH),
      cut(safe(role ?? ''), NAME_WIDTH),
      cut(safe(addresses.join(' ')), ADDRESSES_WIDTH),
      from === 0 ? '' : minuteOf(from),
      to === undefined ? '' : minuteOf(to),
    ]),
  );
}

async function fetch({ config: file }: { readonly config?: string }): Promise<void> {
  const { loadConfig } = await import('../config.ts');
  const { inventorySources } = await import('../inventory.ts');
  const { entryText } = await import('../reference/inventory/file.ts');
  const sources = inventorySources(await loadConfig(file)).filter(({ isLive }) => isLive);
  if (sources.length === 0)
    throw new UserError('there is nothing to ask: name ec2 under inventory:', { exitCode: EXIT.usage });
  for (const { name, look } of sources) {
    try {
      const { entries } = await look(undefined, 0, new AbortController().signal);
      for (const entry of entries) print(entryText(entry));
      note(`${name}: ${grouped(entries.length)} interfaces`);
    } catch (error) {
      throw new UserError(`cannot ask ${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}
