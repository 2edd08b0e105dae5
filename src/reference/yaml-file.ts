import { LineCounter, type ParsedNode, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ConfigError } from '../errors.ts';

/** What is wrong, and where in the file. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

export interface YamlFile {
  readonly content: unknown;
  /** The error that lists problems of the content, each with the line it is on. */
  refuse(problems: readonly Problem[]): ConfigError;
}

/** Reads YAML, which JSON is too. Throws a {@link ConfigError} at what is not well-formed. */
export function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}:${col}`;
  };
  if (document.errors.length > 0)
    throw new ConfigError(
      file,
      document.errors.map(({ pos, message }) => `${at(pos[0])}  ${message}`),
    );
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    throw new ConfigError(file, [error instanceof Error ? error.message : String(error)]);
  }
  const offsetOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as ParsedNode | undefined;
      if (node?.range !== undefined) return node.range[0];
    }
    return 0;
  };
  return {
    content,
    refuse(problems) {
      const placed = problems.map((problem) => ({ ...problem, offset: offsetOf(problem.path) }));
      placed.sort((a, b) => a.offset - b.offset);
      return new ConfigError(
        file,
        placed.map(({ path, message, offset }) => `${at(offset)}  ${path.join('.') || 'file'}: ${message}`),
      );
    },
  };
}

/** An unknown key is a problem of its own, at its own place. */
export function toProblems(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown setting' }));
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => ({ path: issue.path, message }));
  return [{ path: issue.path, message: issue.message }];
}

/** Says of missing settings that they are missing; undefined leaves the message to zod. */
export function explainMissing(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_type' && issue.input === undefined ? 'is missing' : undefined;
}
