import { DEFAULT_FIELDS, FIELD_BY_NAME } from './fields.ts';

/** Names of a line's columns in order, and how they are separated. */
export interface Format {
  /** AWS's names with hyphens; unknown names as they came. */
  readonly fields: readonly string[];
  /** Those of {@link fields} that no AWS documentation we know names. */
  readonly unknown: readonly string[];
  /** A space means any run of spaces and tabs; a comma or a tab separates at each occurrence. */
  readonly separator: ' ' | ',' | '\t';
}

/** What lines without a header are taken for. */
export const DEFAULT_FORMAT: Format = { fields: DEFAULT_FIELDS, unknown: [], separator: ' ' };

/** A line can't have more columns than this; what follows is refused as too many fields. */
export const MAX_FIELDS = 256;

/** AWS's spelling of a name that may use underscores or capitals. */
export function canonicalName(name: string): string {
  if (FIELD_BY_NAME.has(name)) return name;
  const hyphens = name.toLowerCase().replaceAll('_', '-');
  return FIELD_BY_NAME.has(hyphens) ? hyphens : name;
}

/** Reads `${version} ${account-id} …` (the syntax of CreateFlowLogs) or a header line; undefined when the text is neither. */
export function parseFormat(text: string): Format | undefined {
  const trimmed = text.trim();
  if (trimmed.includes('$' + '{')) {
    const names: string[] = [];
    const rest = trimmed.replace(/\$\{([^{}\s]+)\}/g, (_, name: string) => {
      names.push(name);
      return '';
    });
    if (rest.trim() !== '' || names.length === 0 || names.length > MAX_FIELDS) return undefined;
    return toFormat(names, ' ');
  }
  return parseHeader(trimmed) ?? undefined;
}

/**
 * The format a header line declares. A header is a line of which every token is a field's name, in any order, or the great majority
 * (at least 3 and 60 %): AWS adds fields faster than anyone learns their names.
 */
export function parseHeader(line: string): Format | undefined {
  const separator = line.includes(',') ? ',' : /\S\t/.test(line) && !line.includes(' ') ? '\t' : ' ';
  const tokens =
    separator === ' '
      ? line.split(/[ \t]+/)
      : line.split(separator).map((token) => token.trim().replace(/^"(.*)"$/, '$1'));
  if (tokens.length < 2 || tokens.length > MAX_FIELDS) return undefined;
  let known = 0;
  for (const token of tokens) {
    if (FIELD_BY_NAME.has(canonicalName(token))) known++;
    else if (!/^[A-Za-z][\w.@-]{0,99}$/.test(token)) return undefined;
  }
  if (known < tokens.length && (known < 3 || known < 0.6 * tokens.length)) return undefined;
  return toFormat(tokens, separator);
}

function toFormat(names: readonly string[], separator: Format['separator']): Format {
  const fields = names.map(canonicalName);
  return { fields, unknown: fields.filter((name) => !FIELD_BY_NAME.has(name)), separator };
}
