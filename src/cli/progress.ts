import { counted, grouped, lengthOf } from './terminal.ts';

/** What a progress line is made of. */
export interface Progress {
  /** Bytes, or rows, of all there are. */
  readonly readBytes: number;
  readonly totalBytes: number;
  readonly records: number;
  readonly seconds: number;
  readonly alerts: number;
}

const WIDTH = 24;
const PAUSE_MS = 200;

/** A line on standard error that is drawn anew a few times a second; nothing at all where no person is watching. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): {
  show(progress: Progress): void;
  end(): void;
} {
  if (stream.isTTY !== true) return { show() {}, end() {} };
  let drawn = 0;
  return {
    show(progress) {
      const now = performance.now();
      if (drawn !== 0 && now - drawn < PAUSE_MS) return;
      drawn = now;
      stream.write(`\r${progressLine(progress).slice(0, (stream.columns ?? 80) - 1)}\x1b[K`);
    },
    end() {
      if (drawn !== 0) stream.write('\r\x1b[K');
    },
  };
}

/** `███░░  43 %  1,204,224 records  1,050,000/s  12s left  3 alerts`. */
export function progressLine(progress: Progress): string {
  const { readBytes, totalBytes, records, seconds, alerts } = progress;
  const share = totalBytes === 0 ? 0 : Math.min(1, readBytes / totalBytes);
  const full = Math.round(share * WIDTH);
  const parts = [
    `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`,
    `${Math.floor(share * 100)} %`,
    counted(records, 'record'),
    `${grouped(seconds > 0 ? records / seconds : 0)}/s`,
  ];
  // The first second says little about the rest.
  if (share > 0 && seconds >= 1) parts.push(`${lengthOf((seconds / share) * (1 - share))} left`);
  parts.push(counted(alerts, 'alert'));
  return parts.join('  ');
}
