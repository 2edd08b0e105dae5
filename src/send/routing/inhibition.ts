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
    /** What each of them had there when it was last seen: it may have something else by now. */
    keys: new Map<string, string>(),
  }));
  return {
    see(alert) {
      for (const { source, keyOf, firing, keys } of compiled) {
        const { id } = alert;
        const before = keys.get(id);
        const key = alert.state === 'firing' && matchAll(source, alert) ? keyOf(alert) : undefined;
        if (key === before) continue;
        const ids = before === undefined ? undefined : firing.get(before);
        if (before !== undefined && ids?.delete(id) && ids.size === 0) firing.delete(before);
        keys.delete(id);
        if (key === undefined) continue;
        keys.set(id, key);
        firing.set(key, (firing.get(key) ?? new Set()).add(id));
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
