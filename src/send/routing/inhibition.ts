import type { Alert } from '../../contracts.ts';
import type { InhibitOptions } from '../options.ts';
import { labelText } from './labels.ts';
import { matchAll, parseMatcher } from './matchers.ts';

/** Alerts that keep others from being told while they fire, as a scan does with the new peers it makes. */
export interface Inhibition {
  /** Hears of every alert that opened, resolved or fires at the start. */
  see(alert: Alert): void;
  /** Id of an alert that fires and inhibits this one. */
  inhibitedBy(alert: Alert): string | undefined;
}

export function createInhibition(rules: readonly InhibitOptions[]): Inhibition {
  const compiled = rules.map(({ source, target, equal }) => ({
    source: source.map(parseMatcher),
    target: target.map(parseMatcher),
    /** What has to be equal, as one text. */
    keyOf: (alert: Alert) => JSON.stringify(equal.map((name) => labelText(alert, name))),
    /** Ids of sources that fire, by that. */
    firing: new Map<string, Set<string>>(),
  }));
  return {
    see(alert) {
      for (const { source, keyOf, firing } of compiled) {
        const key = keyOf(alert);
        const ids = firing.get(key) ?? new Set<string>();
        if (alert.state === 'firing' && matchAll(source, alert)) firing.set(key, ids.add(alert.id));
        else if (ids.delete(alert.id) && ids.size === 0) firing.delete(key);
      }
    },
    inhibitedBy(alert) {
      for (const { source, target, keyOf, firing } of compiled) {
        // What is a source of the rule itself is never inhibited by it, or two would silence each other.
        if (!matchAll(target, alert) || matchAll(source, alert)) continue;
        const [id] = firing.get(keyOf(alert)) ?? [];
        if (id !== undefined) return id;
      }
      return undefined;
    },
  };
}
