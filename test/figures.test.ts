import { expect, it } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { openEngine } from '../src/engine.ts';
import { emptyTotals } from '../src/pipeline.ts';
import { flowBatchOf, plainFlow, V2 } from './store/literals.ts';
import { temporaryFolder } from './store/support.ts';

const T0 = 1_767_225_600;
const CONFIG = parseConfig('ingest: {maxSessions: 16}', 'test');

/** The counters among the figures. */
function countersOf({ coverage, overflow }: Engine['figures']): Record<string, number> {
  const { minutes, records, skipData, late, rejected } = coverage;
  return { ...minutes, records, skipData, late, rejected, sessions: overflow.sessions ?? 0 };
}

type Engine = Awaited<ReturnType<typeof openEngine>>;

it('counters that are shown never go back, whatever a crash takes back and reads again', async () => {
  const data = temporaryFolder();
  // Each ends without a checkpoint of its own.
  const lives = [
    ['take', 'checkpoint', 'take', 'take'],
    ['take'],
    [],
    ['take', 'take', 'checkpoint', 'take'],
    ['take', 'checkpoint'],
  ];
  let shown: Record<string, number> = {};
  const look = (engine: Engine): void => {
    const now = countersOf(engine.figures);
    for (const [name, count] of Object.entries(shown)) expect(now[name], name).toBeGreaterThanOrEqual(count);
    shown = now;
  };
  let durable = 0;
  for (const life of lives) {
    await using engine = await openEngine({
      ...{ data, config: CONFIG, holdFlows: 0, restart: false },
      warn: (message) => expect.unreachable(message),
      lost: () => expect.unreachable(),
    });
    look(engine);
    let hours = durable;
    for (const what of life) {
      const before = shown;
      if (what === 'take') await takeAnHour(engine, T0 + 3600 * hours++);
      if (what === 'checkpoint') {
        await engine.checkpoint(emptyTotals());
        durable = hours;
      }
      look(engine);
      if (what === 'checkpoint') expect(shown.records).toBeGreaterThan(before.records!);
      else expect(shown).toEqual(before);
    }
  }
  expect(durable).toBe(4);
  expect(shown).toMatchObject({ records: 4 * 60 * 100 + 4, rejected: 0 });
  for (const name of ['expected', 'heard', 'late', 'sessions']) expect(shown[name], name).toBeGreaterThan(0);
});

/** More connections each minute than have a place, and at the end a record that comes late. */
async function takeAnHour({ names, stages }: Engine, start: number): Promise<void> {
  const minutes = Array.from({ length: 60 }, (_, minute) =>
    Array.from({ length: 100 }, (_, host) =>
      plainFlow(`10.0.0.${host + 1}`, '10.0.1.1', start + 60 * minute + 59),
    ),
  );
  for (const rows of [...minutes, [plainFlow('10.0.0.1', '10.0.1.1', start - 7200)]]) {
    const batch = flowBatchOf(rows, V2, names);
    stages.rollup.add(batch, '');
    await stages.history.appendFlows(batch);
  }
}
