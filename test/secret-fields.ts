import type { z } from 'zod';
import { Settings } from '../src/config-schema.ts';
import { SecretReference } from '../src/outbound/secret.ts';

const all = leaves(Settings);

/** Every setting that takes a secret, by its path; what all sinks share is `sinks.*`. */
export const SECRET_FIELDS: readonly string[] = once(
  all.filter(({ isReference }) => isReference).map(({ path }) => path),
);

const NAME = /key|pass|secret|token|auth|sig|credential|urlFile|sasl/i;

/** Every other setting that is called as secrets are: its own name, or what it is part of. */
export const SECRET_NAMES: readonly string[] = once(
  all.filter(({ path, isReference }) => !isReference && NAME.test(path)).map(({ path }) => path),
);

function once(paths: readonly string[]): string[] {
  return [
    ...new Set(paths.map((path) => path.replace(/^sinks\.[^.]+\.encrypt\./, 'sinks.*.encrypt.'))),
  ].sort();
}

/** Paths of all settings of a schema: `sinks.slack.token`. Where there is a choice its literal names the branch. */
function leaves(
  schema: z.core.$ZodType,
  path = '',
  seen = new Set<unknown>(),
): { path: string; isReference: boolean }[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  // A description makes a copy of it.
  if (def.type === 'union' && def.options === SecretReference.def.options)
    return [{ path, isReference: true }];
  if (seen.has(schema)) return [];
  const inner = new Set([...seen, schema]);
  const below = (one: z.core.$ZodType, name = '') =>
    leaves(one, name === '' ? path : `${path}${path === '' ? '' : '.'}${name}`, inner);
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([name, one]) => below(one, name));
    case 'array':
      return below(def.element);
    case 'record':
      return below(def.valueType, '*');
    case 'union':
      return def.options.flatMap((one) => below(one, branchOf(one)));
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return below(def.innerType);
    case 'pipe':
      return [...below(def.in), ...below(def.out)];
    case 'intersection':
      return [...below(def.left), ...below(def.right)];
    case 'lazy':
      return below(def.getter());
    case 'tuple':
      return def.items.flatMap((one) => below(one));
    default:
      return [{ path, isReference: false }];
  }
}

/** What tells a branch from its siblings: the first literal it has. */
function branchOf(schema: z.core.$ZodType): string {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object') return '';
  for (const field of Object.values(def.shape)) {
    const its = (field as z.core.$ZodTypes)._zod.def;
    if (its.type === 'literal') return String(its.values[0]);
    if (its.type === 'enum') return String(Object.values(its.entries)[0]);
  }
  return '';
}
