import { expect, it } from 'vitest';
import { createIdleLanes } from '../../src/live/idle-lanes.ts';

it('a lane is idle once, after it was silent for long enough since it had caught up', () => {
  let time = 0;
  const lanes = createIdleLanes(
    (lane) => (lane === 'slow' ? 600 : 60),
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
