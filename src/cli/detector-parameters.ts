import { z } from 'zod';
import type { DetectorModule } from '../../detectors/define.ts';

export { detectors } from '../../detectors/index.ts';

/** What a program may want to know of a detector. */
export function publicOf(module: DetectorModule) {
  const { id, summary, attack, fields, quietPeriod } = module;
  return { id, summary, attack, fields, quietPeriod, parameters: parametersOf(module) };
}

interface Parameter {
  readonly name: string;
  readonly default: unknown;
  readonly description: string;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly default?: unknown;
  readonly description?: string;
}

/** Every parameter of a detector, those of groups as `group.name`. */
export function parametersOf(module: DetectorModule): Parameter[] {
  return walk(z.toJSONSchema(module.config, { io: 'input' }) as JsonSchema, '');
}

function walk(schema: JsonSchema, before: string): Parameter[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) =>
    property.properties === undefined
      ? [{ name: `${before}${key}`, default: property.default, description: property.description ?? '' }]
      : walk(property, `${before}${key}.`),
  );
}
