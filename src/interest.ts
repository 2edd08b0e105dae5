import { parsePrefix } from './columns/address.ts';
import type { FlowBatch } from './columns/flow-batch.ts';
import { NO_MATCH, PrefixList, PrefixTrie } from './columns/prefix-trie.ts';
import { SCOPE } from './columns/session-batch.ts';
import type { DetectorContext, Interest } from './contracts.ts';
import type { ScopeOf } from './reference/scopes.ts';
import type { Rollup } from './rollup/rollup.ts';
import type { FlowChoice, MinuteCount } from './store/flows/choice.ts';

const MINUTE = 60;

/** Flows that detectors with these interests have to be shown; undefined when one of them has to see all. */
export function choiceOf(
  interests: readonly (Interest | undefined)[],
  { indicators, scopeOf }: Pick<DetectorContext, 'indicators'> & { readonly scopeOf: ScopeOf },
): FlowChoice | undefined {
  const known = interests.filter((interest) => interest !== undefined);
  if (known.length < interests.length) return undefined;
  const all = <T>(of: (interest: Interest) => readonly T[] | undefined): T[] => [
    ...new Set(known.flatMap((interest) => of(interest) ?? [])),
  ];
  const networks = trieOf(all(({ networks }) => networks));
  const listed = known.some((interest) => interest.listed) && indicators.size > 0;
  const outside = known.some((interest) => interest.outside);
  return {
    ports: all(({ ports }) => ports),
    protocols: all(({ protocols }) => protocols),
    has:
      listed || networks !== undefined || outside
        ? (words, offset) =>
            (listed && indicators.match(words, offset) !== undefined) ||
            (networks !== undefined && networks.match(words, offset) !== NO_MATCH) ||
            (outside && isOutside(scopeOf(words, offset)))
        : undefined,
  };
}

function isOutside(scope: number): boolean {
  return scope === SCOPE.public || scope === SCOPE.awsService;
}

function trieOf(networks: readonly string[]): PrefixTrie | undefined {
  if (networks.length === 0) return undefined;
  const list = new PrefixList();
  for (const text of networks) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined) list.add(prefix, 0);
  }
  return new PrefixTrie(list);
}

/** Shows a rollup the flows that were chosen, and of all others that they were there: steps are then the same but for them. */
export interface ChosenFlows {
  /** What there is in the stretch of time that comes next. */
  minutes(next: readonly MinuteCount[]): void;
  add(batch: FlowBatch): void;
  /** Nothing follows. */
  end(): void;
  /** Records that were passed, chosen or not. */
  readonly records: number;
}

export function createChosenFlows(rollup: Rollup): ChosenFlows {
  let waiting: readonly MinuteCount[] = [];
  let at = 0;
  let records = 0;
  /** Goes on to minutes before `time`. Those before `closing` have all that was chosen of them. */
  const pass = (time: number, closing: number): void => {
    for (; at < waiting.length && waiting[at]!.start < time; at++) {
      const { start, rows, ...counts } = waiting[at]!;
      records += rows;
      rollup.pass(start, counts.records, counts.longRecords, start < closing);
    }
  };
  const rest = (): void => pass(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  return {
    minutes(next) {
      rest();
      waiting = next;
      at = 0;
    },
    add(batch) {
      const first = batch.end[0]!;
      pass(batch.end[batch.length - 1]! + 1, first - (first % MINUTE));
      rollup.add(batch);
    },
    end: rest,
    get records() {
      return records;
    },
  };
}
