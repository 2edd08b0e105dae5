/** Exit codes of the process, documented in README.md. */
export const EXIT = { ok: 0, error: 1, usage: 2, found: 3, interrupted: 130 } as const;

/** An error for the person at the keyboard: printed as its message alone, without a stack. */
export class UserError extends Error {
  readonly exitCode: number;

  constructor(message: string, options?: ErrorOptions & { exitCode?: number }) {
    super(message, options);
    this.name = 'UserError';
    this.exitCode = options?.exitCode ?? EXIT.error;
  }
}

/** Every problem of a configuration at once, each with the line it is on when known. */
export class ConfigError extends UserError {
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[]) {
    super(`cannot use configuration ${file}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`, {
      exitCode: EXIT.usage,
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** What failed first, where closing things failed after it. */
export function originOf(error: unknown): unknown {
  return error instanceof SuppressedError ? originOf(error.suppressed) : error;
}
