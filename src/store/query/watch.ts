import { readFileSync } from 'node:fs';

const PERIOD_MS = 50;
const PAGE_BYTES = 4096;
/** What Node and a result on its way take beside the database's own limit. */
const OVERHEAD_BYTES = 256 << 20;

const UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1 << 10,
  MIB: 1 << 20,
  GIB: 1 << 30,
};

/**
 * Calls `exceeded` once when the process holds much more memory than DuckDB's limit, which does not bound text on its way out: a thousand
 * rows of `repeat('x', 10000000)` are ten gigabytes. Returns how to stop watching. Watches nothing where there is no /proc.
 */
export function watchMemory(pid: number | undefined, memoryLimit: string, exceeded: () => void): () => void {
  const match = /^\s*([\d.]+)\s*([A-Z]+)\s*$/i.exec(memoryLimit);
  const unit = match === null ? undefined : UNITS[match[2]!.toUpperCase()];
  if (pid === undefined || unit === undefined) return () => {};
  const most = Number(match![1]) * unit * 1.5 + OVERHEAD_BYTES;
  const timer = setInterval(() => {
    const held = residentBytes(pid);
    if (held === undefined || held <= most) return;
    clearInterval(timer);
    exceeded();
  }, PERIOD_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function residentBytes(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return undefined;
  }
}
