import type { Alert } from '../contracts.ts';
import { UserError } from '../errors.ts';
import { askHistory } from './history-query.ts';

/** All alerts of a data folder. */
export async function readAlerts(data: string): Promise<Alert[]> {
  const { rows } = await askHistory(data, 'SELECT record FROM alerts');
  return rows.map((row) => JSON.parse(String(row[0])) as Alert);
}

/** Alerts of detectors in the shadow, which nobody is told of. */
export async function readShadowed(data: string): Promise<Alert[]> {
  const { readManifest } = await import('../store/manifest/manifest.ts');
  return ((await readManifest(data))?.witness?.shadowed ?? []).map(({ alert }) => alert);
}

/** The alert, in the shadow or not, whose id begins so. Throws a UserError when there is none, or more than one. */
export async function findAlert(data: string, id: string): Promise<Alert> {
  const all = [...(await readAlerts(data)), ...(await readShadowed(data))];
  const found = all.filter((alert) => alert.id.startsWith(id));
  const [alert] = found;
  if (alert === undefined)
    throw new UserError(`cannot show alert ${JSON.stringify(id)}: no alert in ${data} begins with it`);
  if (found.length > 1)
    throw new UserError(
      `cannot show alert ${JSON.stringify(id)}: ${found.length} begin with it; give more of the id`,
    );
  return alert;
}
