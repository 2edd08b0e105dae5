import { destination as openDestination, pino, stdTimeFunctions } from 'pino';
import { escapeJson, formatForTerminal, hideSecrets, plainDetails } from './log-text.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Plain values. An Error is written with its causes, and with its stack unless it is one for the person at the keyboard. */
export type LogDetails = Readonly<Record<string, unknown>>;

/** Takes one static message and plain values: nothing from outside is ever part of the message. */
export interface Log {
  debug(message: string, details?: LogDetails): void;
  info(message: string, details?: LogDetails): void;
  warn(message: string, details?: LogDetails): void;
  error(message: string, details?: LogDetails): void;
  /** The same log with `details` on each line. */
  with(details: LogDetails): Log;
  /** Takes effect for this log and all that were made from it or that it was made from. */
  setLevel(level: LogLevel): void;
  /** From now on this text is written as `[secret]` wherever it occurs; texts of less than 6 characters are ignored. */
  hide(secret: string): void;
  /** Lines that were lost because standard error took none for too long. */
  readonly dropped: number;
}

export interface LogOptions {
  /** Default: info. */
  readonly level?: LogLevel;
  /** Takes lines with their line ends. Default: standard error. */
  readonly destination?: { write(line: string): void };
  /** Readable lines instead of JSON. Default: when standard error is the destination and a terminal. */
  readonly terminal?: boolean;
}

/** Bytes of lines kept while standard error takes none; what comes then is dropped and counted. */
const MAX_WAITING = 4 * 1024 * 1024;

/** JSON lines with ISO 8601 times in UTC, or readable lines on a terminal. A full or closed standard error never stops the process. */
export function createLog(options: LogOptions = {}): Log {
  const terminal = options.terminal ?? (options.destination === undefined && process.stderr.isTTY === true);
  const secrets = new Set<string>();
  const out: Output = options.destination ?? standardError();
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        const text = escapeJson(hideSecrets(line, secrets));
        out.write(terminal ? formatForTerminal(text) : text);
      },
    },
  );

  function bound(always: LogDetails): Log {
    const write = (level: LogLevel, message: string, details: LogDetails | undefined) => {
      if (logger.isLevelEnabled(level)) logger[level](plainDetails({ ...always, ...details }), message);
    };
    return {
      debug: (message, details) => write('debug', message, details),
      info: (message, details) => write('info', message, details),
      warn: (message, details) => write('warn', message, details),
      error: (message, details) => write('error', message, details),
      with: (details) => bound({ ...always, ...details }),
      setLevel(level) {
        logger.level = level;
      },
      hide(secret) {
        // Shorter texts occur by chance: replacing them would make lines unreadable.
        if (secret.length >= 6) secrets.add(secret);
      },
      get dropped() {
        return out.dropped?.() ?? 0;
      },
    };
  }
  return bound({});
}

interface Output {
  write(text: string): void;
  dropped?(): number;
}

function standardError(): Output {
  let dropped = 0;
  // Written at once, so that the last line before a crash is there. Price: whoever reads a pipe and stops reading holds us up.
  const stream = openDestination({ dest: 2, sync: true, maxLength: MAX_WAITING });
  stream.on('drop', () => {
    dropped++;
  });
  // A full disk behind `2>` is no reason to stop detecting: the lines wait, and the next write tries again.
  stream.on('error', () => {});
  return {
    write(text) {
      stream.write(text);
    },
    dropped: () => dropped,
  };
}
