import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

// Loaded into a service by the soak: at SIGUSR2 every thread collects its garbage, and what is left goes to standard error as a line of the
// log. What a thread holds between two collections is noise far above what a leak of an hour would be.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const questions = new BroadcastChannel('flowsentry-soak-questions');
const answers = new BroadcastChannel('flowsentry-soak-answers');
questions.unref();
answers.unref();

/** Bytes of objects, of typed arrays, and of pages that V8 holds for objects. */
function kept(): readonly [objects: number, arrays: number, pages: number] {
  collect();
  // Arrays that the first one found are freed beside the program; the second waits for that.
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return [heapUsed, arrayBuffers, getHeapStatistics().total_physical_size];
}

if (isMainThread) {
  let [objects, arrays, pages, threads] = [0, 0, 0, 0];
  const count = ([some, more, most]: ReturnType<typeof kept>): void => {
    objects += some;
    arrays += more;
    pages += most;
    threads++;
  };
  answers.onmessage = ({ data }) => {
    count(data as ReturnType<typeof kept>);
  };
  process.on('SIGUSR2', () => {
    [objects, arrays, pages, threads] = [0, 0, 0, 0];
    questions.postMessage('');
    setTimeout(() => {
      // Last, and in the same moment as what is resident: most arrays are this thread's.
      count(kept());
      const resident = process.memoryUsage.rss();
      process.stderr.write(
        `${JSON.stringify({ message: 'memory in use', objects, arrays, pages, resident, threads })}\n`,
      );
    }, 1000).unref();
  });
} else
  questions.onmessage = () => {
    answers.postMessage(kept());
  };
