import { categoryText, type FeedRecord, normalName, secondsOf } from './record.ts';

/** Deepest nesting walked: feeds have their records within four levels. */
const MAX_DEPTH = 8;

/** Receives a record, or a bare text that should be a network. */
export interface JsonReceiver {
  /** True when the record holds a network: what lies deeper in it then only describes it. */
  record(record: FeedRecord): boolean;
  text(text: string): void;
  /** STIX: networks of one indicator. */
  stix(networks: readonly string[], facts: StixFacts): void;
}

export interface StixFacts {
  readonly category: string | undefined;
  readonly confidence: number | undefined;
  readonly expires: number;
}

/** Finds the records in parsed JSON of any of the public shapes: arrays of objects or texts, objects of arrays, STIX 2.1 bundles. */
export function walkJson(value: unknown, to: JsonReceiver, depth = 0): void {
  if (depth > MAX_DEPTH) return;
  if (typeof value === 'string') {
    to.text(value);
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) walkJson(item, to, depth + 1);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const entries = Object.entries(value);
  const type = (value as Record<string, unknown>).type;
  if (type === 'bundle' || type === 'indicator') {
    walkStix(value, to);
    return;
  }
  const record = new Map<string, string>();
  for (const [name, field] of entries) {
    if (typeof field !== 'string' && typeof field !== 'number') continue;
    const key = normalName(name);
    if (!record.has(key)) record.set(key, String(field));
  }
  if (record.size > 0 && to.record(record)) return;
  for (const [, field] of entries)
    if (typeof field === 'object' && field !== null && !isTagList(field)) walkJson(field, to, depth + 1);
}

/** A list of words, not of networks. */
function isTagList(field: object): boolean {
  return (
    Array.isArray(field) &&
    field.length > 0 &&
    field.every((item) => typeof item === 'string' && !/\d/.test(item))
  );
}

function walkStix(value: object, to: JsonReceiver): void {
  const bundle = value as { objects?: unknown };
  const objects: unknown[] = Array.isArray(bundle.objects) ? bundle.objects : [value];
  for (const object of objects) {
    if (typeof object !== 'object' || object === null) continue;
    const indicator = object as Record<string, unknown>;
    if (indicator.type !== 'indicator' || indicator.revoked === true) continue;
    if (typeof indicator.pattern !== 'string' || (indicator.pattern_type ?? 'stix') !== 'stix') continue;
    const { confidence } = indicator;
    to.stix(stixNetworks(indicator.pattern), {
      category: labelOf(indicator.indicator_types) ?? labelOf(indicator.labels),
      confidence:
        typeof confidence === 'number' && confidence >= 0 && confidence <= 100
          ? Math.round(confidence)
          : undefined,
      expires: secondsOf(typeof indicator.valid_until === 'string' ? indicator.valid_until : undefined),
    });
  }
}

function labelOf(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === 'string' ? categoryText(first) : undefined;
}

const COMPARISON =
  /(?:ipv[46]-addr:value|network-traffic:(?:dst|src)_ref\.value)\s*(?:(?:=|ISSUBSET)\s*'([^']*)'|IN\s*\(([^)]*)\))/g;

/** Addresses and networks that a STIX pattern looks for (`=`, `ISSUBSET`, `IN`, joined by OR); empty for patterns of anything else. */
export function stixNetworks(pattern: string): string[] {
  const networks: string[] = [];
  for (const [, one, many] of pattern.matchAll(COMPARISON)) {
    if (one !== undefined) networks.push(one);
    else for (const [, item] of (many ?? '').matchAll(/'([^']*)'/g)) networks.push(item!);
  }
  return networks;
}
