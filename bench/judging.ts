import { loadConfig } from '../src/config.ts';
import { createJudges } from '../src/judges.ts';
import { createScopes } from '../src/reference/scopes.ts';
import type { RollupOutput } from '../src/rollup/options.ts';
import { Rollup } from '../src/rollup/rollup.ts';
import { createMute } from '../src/score/exceptions.ts';
import { Scorer } from '../src/score/scorer.ts';
import { writeConfig } from './configuration.ts';
import { batches, loopRecords } from './input.ts';
import { type Bench, median, nsPerRecord } from './measure.ts';

const PASSES = 5;
/** As a replay has it. */
const HOLD_FLOWS = 1 << 18;

/** The main thread's work: connections rebuilt, steps and windows closed, every detector. */
export const benchJudging: Bench = async (setting) => {
  const input = await batches(setting);
  const records = loopRecords(setting);
  const config = await loadConfig(await writeConfig(setting.scratch));
  const judgesOf = () => createJudges(config, input.names, setting.scratch, () => {});
  const windows = (await judgesOf()).flatMap((judge) => judge.windows);
  const run = (output: RollupOutput): Promise<number> =>
    nsPerRecord(records, () => {
      const rollup = new Rollup(
        {
          names: input.names,
          scopeOf: createScopes({ internal: config.network.internal }),
          lateness: config.ingest.lateness,
          maxFlows: config.ingest.maxFlows,
          holdFlows: HOLD_FLOWS,
          maxSessions: config.ingest.maxSessions,
          maxWindowKeys: config.ingest.maxWindowKeys,
          windows,
        },
        output,
      );
      for (const batch of input.batches) rollup.add(batch);
      rollup.finish();
    });
  const alone: number[] = [];
  const byDetector = new Map<string, number[]>();
  for (let pass = 0; pass <= PASSES; pass++) {
    const ns = await run({ step() {}, window() {}, late() {} });
    const scorer = new Scorer(await judgesOf(), createMute([]), input.names);
    await run({
      step: (step) => scorer.step(step),
      window: (window) => scorer.window(window),
      late: (late) => scorer.late(late, late.end[0] ?? 0),
    });
    if (pass === 0) continue;
    alone.push(ns);
    for (const [detector, seconds] of Object.entries(scorer.seconds())) {
      const times = byDetector.get(detector) ?? [];
      times.push((seconds * 1e9) / records);
      byDetector.set(detector, times);
    }
  }
  return [
    { bench: 'rollup', name: 'add and close', value: median(alone), unit: 'ns/record' },
    ...[...byDetector].map(
      ([name, times]) => ({ bench: 'detectors', name, value: median(times), unit: 'ns/record' }) as const,
    ),
  ];
};
