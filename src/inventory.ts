import { readFile } from 'node:fs/promises';
import type { Config } from './config.ts';
import { createInventory, type Inventory, type InventoryPart } from './reference/inventory.ts';
import { readInventory } from './reference/inventory-file.ts';
import type { EndsOf } from './score/alert-book.ts';

/** What the configured inventory says, over what was saved of it; undefined where none is configured. Throws a UserError for a file that is wrong. */
export async function openInventory(
  { inventory: options }: Config,
  saved: Uint8Array | undefined,
): Promise<Inventory | undefined> {
  if (options === undefined) return undefined;
  const inventory = createInventory();
  if (saved !== undefined) inventory.restore(saved);
  inventory.stage(await readFiles(options));
  return inventory;
}

/** What the file says now. */
async function readFiles({ file }: NonNullable<Config['inventory']>): Promise<InventoryPart[]> {
  return [{ source: file, at: 0, entries: readInventory(await readFile(file, 'utf8'), file) }];
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
