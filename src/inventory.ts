import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { UserError } from './errors.ts';
import { readInventory } from './reference/inventory/file.ts';
import { createInventory, type Inventory, type InventoryPart } from './reference/inventory/inventory.ts';
import { lookedAgain } from './reference/inventory/lifetimes.ts';
import { inBetween, jsonOf, type Sliced } from './reference/inventory/slices.ts';
import type { EndsOf } from './score/alert-book.ts';
import { replaceFile } from './store/replace-file.ts';

/** One thing to ask for what has which addresses. */
export interface InventorySource {
  readonly name: string;
  /** Asked while the service runs, since it cannot be asked for the past; the others are read at each start. */
  readonly isLive: boolean;
  /** What is known of it after another look, at `at`, Unix seconds by the clock. Throws when it cannot be asked. */
  look(known: InventoryPart | undefined, at: number, signal: AbortSignal): Promise<InventoryPart>;
}

export function inventorySources({ inventory: options }: Config): InventorySource[] {
  if (options === undefined) return [];
  const { file, ec2, roleTags } = options;
  const live = ec2.flatMap((account) =>
    account.regions.map((region): InventorySource => {
      const name = ['ec2', region, account.assumeRole?.arn].filter(Boolean).join(' ');
      return {
        name,
        isLive: true,
        async look(known, at, signal) {
          // Only a service that asks EC2 pays for its client.
          const { describeInterfaces } = await import('./reference/inventory/ec2.ts');
          const found = await describeInterfaces(account, region, roleTags, signal);
          return inBetween(lookedAgain(name, known, found, at));
        },
      };
    }),
  );
  if (file === undefined) return live;
  let last: { readonly text: string; readonly part: InventoryPart } | undefined;
  const listed: InventorySource = {
    name: file,
    isLive: false,
    async look(known) {
      const text = await readFile(file, 'utf8').catch((error: Error) => {
        throw new UserError(`cannot read the inventory: ${error.message}`);
      });
      if (last?.text !== text) {
        const entries = readInventory(text, file);
        const isSame = known !== undefined && JSON.stringify(known.entries) === JSON.stringify(entries);
        last = { text, part: { source: file, at: 0, entries: isSame ? known.entries : entries } };
      }
      return last.part;
    },
  };
  return [listed, ...live];
}

/**
 * What the configured inventory says, over what was saved of it; undefined where none is configured. Throws a UserError for a file that is
 * wrong.
 */
export async function openInventory(
  config: Config,
  saved: Uint8Array | readonly InventoryPart[] | undefined,
): Promise<Inventory | undefined> {
  if (config.inventory === undefined) return undefined;
  const inventory = createInventory(saved instanceof Uint8Array ? [] : saved);
  if (saved instanceof Uint8Array) inventory.restore(saved);
  const known = inventory.parts;
  const parts: InventoryPart[] = [];
  for (const source of inventorySources(config)) {
    const last = known.find((one) => one.source === source.name);
    const part = source.isLive ? last : await source.look(last, 0, new AbortController().signal);
    if (part !== undefined) parts.push(part);
  }
  inventory.stage(parts);
  return inventory;
}

/** In the data folder: what was known last, for whoever reads it beside the service. */
const KEPT = 'inventory.json';

/** Keeps what is known where others can read it; nothing is written as long as it is the same. */
export function createInventoryKeeper(
  dataDir: string,
  inventory: Inventory | undefined,
): () => Promise<void> {
  let kept: readonly InventoryPart['entries'][] = [];
  return async () => {
    if (inventory === undefined) return;
    const { parts } = inventory;
    if (parts.length === kept.length && parts.every(({ entries }, i) => entries === kept[i])) return;
    await replaceFile(dataDir, KEPT, await inBetween(keptText(parts)));
    kept = parts.map(({ entries }) => entries);
  };
}

function* keptText(parts: readonly InventoryPart[]): Sliced<string> {
  const texts: string[] = [];
  for (const { entries, ...part } of parts)
    texts.push(`${JSON.stringify(part).slice(0, -1)},"entries":${yield* jsonOf(entries)}}`);
  return `[${texts.join(',')}]`;
}

/** What a service of this data folder knew last; undefined where none did. */
export async function keptInventory(dataDir: string): Promise<InventoryPart[] | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, KEPT), 'utf8')) as InventoryPart[];
  } catch {
    return undefined;
  }
}

/** How alerts come to know what their ends were when they were last seen. */
export function assetsBy(inventory: Inventory | undefined): EndsOf {
  if (inventory === undefined) return () => ({});
  return ({ subject, peer, lastSeen }, interfaceName) => {
    const asset = inventory.find(subject, lastSeen, interfaceName);
    const peerAsset = peer === undefined ? undefined : inventory.find(peer, lastSeen, interfaceName);
    return { ...(asset && { asset }), ...(peerAsset && { peerAsset }) };
  };
}
