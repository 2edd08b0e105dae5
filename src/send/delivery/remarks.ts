import type { Save } from './ledger.ts';

export const VERDICTS = ['true-positive', 'false-positive', 'expected'] as const;
export type Verdict = (typeof VERDICTS)[number];

interface Said {
  readonly by: string;
  /** ISO 8601, by the clock. */
  readonly at: string;
}

/** What people said of an alert. */
export interface Remark {
  readonly acknowledged?: Said | undefined;
  /** Its judgement stays; while it is `closed` nobody is told of the alert. */
  readonly verdict?: (Said & { readonly as: Verdict }) | undefined;
  readonly closed?: boolean | undefined;
  readonly comments?: readonly (Said & { readonly text: string })[] | undefined;
}

export interface Remarks {
  get(id: string): Remark | undefined;
  acknowledge(id: string, said: Said): void;
  /** `closes`: nobody is told of it any more until it fires anew. */
  judge(id: string, verdict: Said & { readonly as: Verdict }, closes: boolean): void;
  comment(id: string, comment: Said & { readonly text: string }): void;
  /** The alert has resolved: when it fires again, somebody has to look again. */
  reopen(id: string): void;
  list(): [id: string, remark: Remark][];
}

/** Comments that an alert keeps; older ones give way. */
const MAX_COMMENTS = 100;

export function createRemarks(saved: ReadonlyMap<string, Remark>, save: Save): Remarks {
  const remarks = new Map(saved);
  const change = (id: string, more: Remark): void => {
    const remark = { ...remarks.get(id), ...more };
    remarks.set(id, remark);
    save('remark', id, remark);
  };
  return {
    get: (id) => remarks.get(id),
    acknowledge: (id, acknowledged) => change(id, { acknowledged }),
    judge: (id, verdict, closes) => change(id, closes ? { verdict, closed: true } : { verdict }),
    comment(id, comment) {
      const comments = [...(remarks.get(id)?.comments ?? []), comment].slice(-MAX_COMMENTS);
      change(id, { comments });
    },
    reopen(id) {
      const remark = remarks.get(id);
      if (remark?.closed === true || remark?.acknowledged !== undefined)
        change(id, { closed: undefined, acknowledged: undefined });
    },
    list: () => [...remarks],
  };
}
