import type { Alert, Asset, OutsideNetwork } from '../../contracts.ts';

/** What routes, silences and inhibition can ask an alert for. */
const LABELS = [
  'id',
  'detector',
  'severity',
  'subject',
  'peer',
  'port',
  'protocol',
  'interface',
  'account',
  'zone',
  'peerZone',
  'retro',
  'attack',
] as const;
/** What has names of its own, such as `explanation.rule` or `tag.team`. */
const NAMED = {
  explanation: (alert) => alert.explanation,
  asset: (alert) => alert.asset,
  peerAsset: (alert) => alert.peerAsset,
  network: (alert) => alert.network,
  peerNetwork: (alert) => alert.peerNetwork,
  tag: (alert) => alert.asset?.tags,
  peerTag: (alert) => alert.peerAsset?.tags,
} as const satisfies Readonly<Record<string, (alert: Alert) => object | undefined>>;
/** Of an asset's fields those that are a text, or several. */
const ASSET_FIELDS = [
  'id',
  'name',
  'role',
  'interface',
  'account',
  'region',
  'vpc',
  'subnet',
  'securityGroups',
] as const satisfies readonly (keyof Asset)[];

const NETWORK_FIELDS = [
  'asn',
  'organization',
  'country',
  'service',
  'region',
] as const satisfies readonly (keyof OutsideNetwork)[];
/** Names that are all there can be. */
const CLOSED: Readonly<Partial<Record<keyof typeof NAMED, readonly string[]>>> = {
  asset: ASSET_FIELDS,
  peerAsset: ASSET_FIELDS,
  network: NETWORK_FIELDS,
  peerNetwork: NETWORK_FIELDS,
};

/** Whether an alert can have a label of this name. */
export function isLabel(name: string): boolean {
  if ((LABELS as readonly string[]).includes(name)) return true;
  const { of, key } = partsOf(name);
  if (of === undefined || key === '') return false;
  return CLOSED[of]?.includes(key) ?? true;
}

export const LABEL_HELP = `${LABELS.join(', ')}, explanation.NAME, tag.NAME, peerTag.NAME, of asset. and peerAsset. ${ASSET_FIELDS.join(', ')}, and of network. and peerNetwork. ${NETWORK_FIELDS.join(', ')}`;

/** Values of a label: none where the alert does not have it, several for ATT&CK techniques and security groups. */
export function labelValues(alert: Alert, name: string): readonly string[] {
  const { of, key } = partsOf(name);
  const named: object = of === undefined ? alert : (NAMED[of](alert) ?? {});
  // Tags are named by anybody: `constructor` too.
  const value: unknown = Object.hasOwn(named, key) ? named[key as keyof typeof named] : undefined;
  return value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
}

function partsOf(name: string): { readonly of?: keyof typeof NAMED; readonly key: string } {
  const dot = name.indexOf('.');
  const of = name.slice(0, Math.max(0, dot));
  return Object.hasOwn(NAMED, of)
    ? { of: of as keyof typeof NAMED, key: name.slice(dot + 1) }
    : { key: name };
}

/** One text of a label, for grouping and comparing; empty where there is none. */
export function labelText(alert: Alert, name: string): string {
  return labelValues(alert, name).join(',');
}
