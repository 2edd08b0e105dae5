import { inPrefix, type Prefix, parseAddress, parsePrefix } from '../../columns/address.ts';
import { type Alert, SEVERITIES, type Severity } from '../../contracts.ts';
import { isLabel, LABEL_HELP, labelValues } from './labels.ts';

/** One condition on an alert, as it was written. */
export interface Matcher {
  readonly text: string;
  holds(alert: Alert): boolean;
}

const TEXT = /^\s*("(?:[^"\\]|\\.)*"|[\w.:/@+-]+)\s*(=~|!~|!=|>=|<=|=)\s*(.*?)\s*$/s;

/**
 * Alertmanager's matchers: `detector="port-scan"`, `severity=~"high|critical"`, `peer!=""`; a network on an address (`subject="10.0.0.0/8"`)
 * means all in it, and `severity>=high` is short for the worse ones. Regular expressions match the whole value. Throws an Error that says what is
 * wrong. A name with other characters than those of most stands in quotes, as there: `"tag.cost centre"="4711"`.
 */
export function parseMatcher(text: string): Matcher {
  const [, label = '', operator = '', written = ''] = TEXT.exec(text) ?? [];
  if (operator === '')
    throw new Error(`not a matcher: ${text}; write it as severity="high" or subject="10.0.0.0/8"`);
  const name = unquoted(label);
  if (!isLabel(name)) throw new Error(`no such label: ${name}; there are ${LABEL_HELP}`);
  const value = unquoted(written);
  const is = operator.startsWith('!') ? (found: boolean) => !found : (found: boolean) => found;
  const test = testOf(name, operator, value);
  return { text, holds: (alert) => is(test(labelValues(alert, name))) };
}

/** Whether all hold: none are no condition. */
export function matchAll(matchers: readonly Matcher[], alert: Alert): boolean {
  return matchers.every((matcher) => matcher.holds(alert));
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    throw new Error(`not a quoted text: ${text}`);
  }
}

type Test = (values: readonly string[]) => boolean;

function testOf(name: string, operator: string, value: string): Test {
  if (operator === '>=' || operator === '<=') return rankTest(name, operator, value);
  if (operator.endsWith('~')) {
    let pattern: RegExp;
    try {
      pattern = new RegExp(`^(?:${value})$`, 'su');
    } catch (error) {
      throw new Error(`not a regular expression: ${value} (${(error as Error).message})`);
    }
    return (values) => orNone(values).some((one) => pattern.test(one));
  }
  const prefix = name === 'subject' || name === 'peer' ? parsePrefix(value) : undefined;
  if (prefix !== undefined) return (values) => values.some((one) => isIn(one, prefix));
  if (name === 'severity' && !isSeverity(value))
    throw new Error(`no such severity: ${value}; there are ${SEVERITIES.join(', ')}`);
  return (values) => orNone(values).includes(value);
}

function rankTest(name: string, operator: string, value: string): Test {
  if (name !== 'severity' || !isSeverity(value))
    throw new Error(`${operator} is for severities alone: ${SEVERITIES.join(', ')}`);
  const bound = SEVERITIES.indexOf(value);
  return (values) =>
    values.some((one) => {
      const rank = SEVERITIES.indexOf(one as Severity);
      return operator === '>=' ? rank >= bound : rank <= bound;
    });
}

/** A label that is not there is as an empty one, as Alertmanager has it. */
function orNone(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [''] : values;
}

function isSeverity(text: string): text is Severity {
  return (SEVERITIES as readonly string[]).includes(text);
}

function isIn(address: string, prefix: Prefix): boolean {
  const words = parseAddress(address);
  return words !== undefined && inPrefix(words, 0, prefix);
}
