import { grouped, minuteOf, style } from './terminal.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Longest spans, in days, that are shown by hour and by day; longer ones by week. */
const BY_HOUR = 2;
const BY_DAY = 62;

/** Counts over time: buckets of `size` seconds from `start` on, Unix seconds. */
export interface BarChart {
  readonly title: string;
  readonly start: number;
  readonly size: number;
  readonly series: readonly { readonly name: string; readonly counts: readonly number[] }[];
}

/** Counts times (Unix seconds) into buckets of an hour, a day or a week, as the span [from, to) asks for. */
export function chartOf(
  title: string,
  from: number,
  to: number,
  series: readonly { readonly name: string; readonly times: readonly number[] }[],
): BarChart {
  const days = (to - from) / DAY;
  const size = days <= BY_HOUR ? HOUR : days <= BY_DAY ? DAY : 7 * DAY;
  const start = from - (from % Math.min(size, DAY));
  const length = Math.max(1, Math.ceil((to - start) / size));
  return {
    title,
    start,
    size,
    series: series.map(({ name, times }) => {
      const counts = new Array<number>(length).fill(0);
      for (const time of times) {
        const bucket = Math.min(length - 1, Math.max(0, Math.floor((time - start) / size)));
        counts[bucket] = counts[bucket]! + 1;
      }
      return { name, counts };
    }),
  };
}

const BAR_WIDTH = 40;

/** The chart for a terminal: a line for each bucket, and of a second series its number. */
export function chartLines({ start, size, series }: BarChart): string[] {
  const [first, second] = series;
  if (first === undefined) return [];
  const most = Math.max(1, ...first.counts);
  return first.counts.map((count, i) => {
    const bar = '█'.repeat(Math.round((count / most) * BAR_WIDTH)) || (count > 0 ? '▏' : '');
    const other = second === undefined ? '' : style('dim', `  ${second.name} ${grouped(second.counts[i]!)}`);
    return `${labelOf(start + i * size, size)}  ${bar.padEnd(BAR_WIDTH)}  ${grouped(count)}${other}`;
  });
}

function labelOf(time: number, size: number): string {
  return size < DAY ? minuteOf(time) : minuteOf(time).slice(0, 10);
}

const WIDTH = 960;
const HEIGHT = 300;
const MARGIN = { top: 56, right: 16, bottom: 36, left: 56 } as const;
const COLOURS = ['#2563eb', '#9ca3af'] as const;
/** Room that a label of the time axis needs. */
const LABEL_WIDTH = 120;
/** What a label takes at most. */
const LABEL_ROOM = 104;

/**
 * The chart as SVG. Written here: it is rectangles and texts, and libraries that draw charts bring a DOM or a canvas along. `limit` draws a
 * line at a number that is not to be passed.
 */
export function chartSvg(chart: BarChart, limit?: number): string {
  const { title, start, size, series } = chart;
  const plot = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const buckets = series[0]?.counts.length ?? 1;
  const most = niceCeiling(Math.max(1, limit ?? 0, ...series.flatMap(({ counts }) => counts)));
  const x = (bucket: number): number => MARGIN.left + (plot.width * bucket) / buckets;
  const y = (count: number): number => MARGIN.top + plot.height * (1 - count / most);
  const slot = plot.width / buckets / Math.max(1, series.length);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="15" font-weight="600" fill="#111827">${encoded(title)}</text>`,
  ];
  for (const [i, { name }] of series.entries())
    parts.push(
      `<rect x="${MARGIN.left + i * 220}" y="34" width="10" height="10" fill="${COLOURS[i % 2]}"/>`,
      `<text x="${MARGIN.left + 16 + i * 220}" y="43" fill="#374151">${encoded(name)}</text>`,
    );
  for (const tick of [0, most / 2, most])
    parts.push(
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(y(tick))}" y2="${round(y(tick))}" stroke="#e5e7eb"/>`,
      `<text x="${MARGIN.left - 8}" y="${round(y(tick) + 4)}" text-anchor="end" fill="#6b7280">${grouped(tick)}</text>`,
    );
  for (const [i, { name, counts }] of series.entries())
    for (const [bucket, count] of counts.entries()) {
      if (count === 0) continue;
      const label = `${labelOf(start + bucket * size, size)}: ${grouped(count)} ${name}`;
      parts.push(
        `<rect x="${round(x(bucket) + i * slot)}" y="${round(y(count))}" width="${round(Math.max(0.5, slot * 0.85))}" height="${round(plot.height * (count / most))}" fill="${COLOURS[i % 2]}"><title>${encoded(label)}</title></rect>`,
      );
    }
  const every = Math.max(1, Math.ceil(buckets / (plot.width / LABEL_WIDTH)));
  // The last one may have no room.
  for (let bucket = 0; bucket < buckets && x(bucket) + LABEL_ROOM <= WIDTH; bucket += every)
    parts.push(
      `<text x="${round(x(bucket))}" y="${HEIGHT - 12}" fill="#6b7280">${labelOf(start + bucket * size, size)}</text>`,
    );
  if (limit !== undefined)
    parts.push(
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(y(limit))}" y2="${round(y(limit))}" stroke="#dc2626" stroke-dasharray="6 4"><title>${encoded(`at most ${grouped(limit)}`)}</title></line>`,
    );
  return `${parts.join('\n')}\n</svg>\n`;
}

/** The next even 1, 2 or 5 times a power of ten, so that half of it is whole. */
function niceCeiling(value: number): number {
  for (let power = 1; ; power *= 10)
    for (const step of [2, 4, 10]) if (step * power >= value) return step * power;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function encoded(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
