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
