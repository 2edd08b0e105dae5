import { BufferPool } from '../../src/columns/buffer-pool.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Position } from '../../src/contracts.ts';
import { History } from '../../src/store/history/history.ts';
import { removeOrphans } from '../../src/store/manifest/manifest.ts';
import { createPublisher } from '../../src/store/manifest/publisher.ts';
import { NO_CHANGE, State } from '../../src/store/state/state.ts';
import { flowBatchOf, plainFlow, V2 } from './literals.ts';

// Stores records numbered by their bytes, in checkpoints that say how many there are, until somebody kills it.
const START = 1_767_225_600;
const folder = process.argv[2]!;
const { state, loaded } = await State.open(folder);
await removeOrphans(folder, loaded.segments);
const names = new Dictionary();
const history = new History({
  dataDir: folder,
  names,
  pool: new BufferPool(),
  fieldTypes: new Map(),
  sequence: loaded.sequence,
});
/** So many that the database takes its log over after every few checkpoints: it is killed in that too. */
const others = Array.from<unknown, [string, Position]>({ length: 3000 }, (_, i) => [
  `other/${i}`,
  { next: i, done: true, note: 'x'.repeat(64) },
]);
const publisher = createPublisher(folder, 10);
let position = loaded.positions.get('numbers')?.next ?? 0;
process.stdout.write('ready\n');
for (;;) {
  for (let batch = 0; batch < 3; batch++) {
    const rows = Array.from({ length: 500 }, (_, i) =>
      plainFlow('10.0.0.1', '10.0.0.2', START + ((position + i) % 7200), position + i),
    );
    position += rows.length;
    await history.appendFlows(flowBatchOf(rows, V2, names));
  }
  const added = await history.seal();
  await state.checkpoint({
    ...NO_CHANGE,
    positions: new Map([['numbers', { next: position, done: false }], ...others]),
    blobs: new Map([['count', Uint8Array.of(position & 255)]]),
    added,
  });
  await publisher.publish(state.contents, {});
  process.stdout.write('checkpoint\n');
}
