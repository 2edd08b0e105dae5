import { expect, it } from 'vitest';
import { createIdleLanes } from '../../src/live/idle-lanes.ts';

it('a lane is idle once, after it was silent for long enough since it had caught up', () => {
  let time = 0;
  const lanes = createIdleLanes(
    (lane) => (lane === 'slow' ? 600 : 60),
    [],
    () => time,
  );
  lanes.caughtUp('a');
  time = 59;
  lanes.caughtUp('a');
  lanes.caughtUp('b');
  expect(lanes.take()).toEqual([]);
  time = 60;
  expect(lanes.take()).toEqual(['a']);
  lanes.caughtUp('a');
  time = 200;
  lanes.came('b');
  expect(lanes.take()).toEqual([]);
  lanes.came('a');
  lanes.caughtUp('a');
  time = 260;
  expect(lanes.take()).toEqual(['a']);
});

it('a lane that went to another and came back is as a new one, whether it was idle or not yet', () => {
  let time = 0;
  const lanes = createIdleLanes(
    () => 60,
    [],
    () => time,
  );
  const all = ['k:idle', 'k:waits'];
  lanes.keep('k:', all);
  lanes.came('k:waits');
  lanes.caughtUp('k:idle');
  time = 60;
  expect(lanes.take()).toEqual(['k:idle']);
  lanes.caughtUp('k:waits');
  lanes.caughtUp('s:other');
  lanes.keep('k:', []);
  time = 120;
  expect(lanes.take()).toEqual(['s:other']);
  lanes.keep('k:', all);
  for (const lane of [...all, 's:other']) lanes.caughtUp(lane);
  time = 180;
  expect(lanes.take()).toEqual(['k:idle', 'k:waits']);
});

it('a lane that was idle in an earlier life is so at once when it has caught up and nothing came of it', () => {
  let time = 0;
  const lanes = createIdleLanes(
    () => 60,
    ['silent', 'behind', 'away'],
    () => time,
  );
  expect(lanes.take()).toEqual([]);
  lanes.caughtUp('silent');
  expect(lanes.take()).toEqual(['silent']);
  lanes.came('behind');
  lanes.caughtUp('behind');
  time = 59;
  expect(lanes.take()).toEqual([]);
  lanes.caughtUp('silent');
  time = 60;
  // One is as any other now, and the source of the other could not be reached.
  expect(lanes.take().sort()).toEqual(['away', 'behind']);
  lanes.caughtUp('away');
  expect(lanes.take()).toEqual([]);
});

it('a lane of which nothing came since it is ours is idle after that silence, although it has not caught up', () => {
  let time = 0;
  const lanes = createIdleLanes(
    () => 60,
    [],
    () => time,
  );
  lanes.keep('s:', ['s:away', 's:behind']);
  lanes.came('s:behind');
  time = 30;
  lanes.keep('s:', ['s:away', 's:behind']);
  time = 60;
  expect(lanes.take()).toEqual(['s:away']);
  time = 1000;
  // It is read, however long nothing came meanwhile.
  expect(lanes.take()).toEqual([]);
});

it('a lane is not silent as long as nobody takes what comes', () => {
  let time = 0;
  const lanes = createIdleLanes(
    () => 60,
    [],
    () => time,
  );
  lanes.caughtUp('a');
  time = 500;
  lanes.held(490);
  expect(lanes.take()).toEqual([]);
  time = 550;
  expect(lanes.take()).toEqual(['a']);
});
