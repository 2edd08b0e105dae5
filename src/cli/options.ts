import { InvalidArgumentError, Option } from 'commander';
import { SEVERITIES } from '../contracts.ts';

export const DEFAULT_DATA = './flowsentry-data';

/** `--data DIR`: where an earlier or this run's state and history are. */
export function dataOption(): Option {
  return new Option('--data <dir>', 'folder of state and history').default(DEFAULT_DATA);
}

export function configOption(): Option {
  return new Option('--config <file>', 'configuration (YAML); without it everything has its default');
}

export function jsonOption(text = 'print JSON for programs'): Option {
  return new Option('--json', text);
}

export function severityOption(flags: string, text: string): Option {
  return new Option(flags, text).choices(SEVERITIES);
}

/** Reads a whole number of at least `least`. */
export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    return value;
  };
}

/** Reads a number between `least` and `most`. */
export function numeric(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value) || value < least || value > most)
      throw new InvalidArgumentError(
        most === Number.POSITIVE_INFINITY
          ? `It must be a number of at least ${least}.`
          : `It must be a number between ${least} and ${most}.`,
      );
    return value;
  };
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Reads a length of time above zero. */
export function secondsOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smhdw])$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 0);
  if (seconds === 0) throw new InvalidArgumentError('It must be a length of time, such as 90m, 4h or 2d.');
  return seconds;
}

/** Reads a date or time, UTC where it names no zone, as Unix seconds. */
export function timeOf(text: string): number {
  const zoned =
    /(?:z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes(':') ? text : `${text.replace(' ', 'T')}Z`;
  const time = Date.parse(zoned);
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be an ISO 8601 date or time.');
  return Math.floor(time / 1000);
}
