import { access, constants, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Document, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { detectors } from '../detectors/index.ts';
import { Running, Settings } from './config-schema.ts';
import type { Exception } from './contracts.ts';
import { ConfigError } from './errors.ts';

/** How a detector runs, and its options as its own schema gives them. */
export interface DetectorSettings extends z.infer<typeof Running> {
  readonly options: unknown;
}

/** Everything that can be configured, complete: durations in seconds, paths absolute, one entry for each detector. */
export interface Config extends Omit<z.infer<typeof Settings>, 'detectors' | 'exceptions'> {
  /** By id, sorted, those that are off included. */
  readonly detectors: Readonly<Record<string, DetectorSettings>>;
  readonly exceptions: readonly Exception[];
}

/** What holds without a configuration file. */
export function defaultConfig(): Config {
  return parseConfig('', 'default');
}

/** A setting to have instead of what the file says: its path, and a value as YAML would give it. */
export interface SettingChange {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Reads a configuration file, and looks whether the files it names are there; `changes` take the place of what it says. Throws a
 * {@link ConfigError} that lists every problem with the line it is on.
 */
export async function loadConfig(
  path: string | undefined,
  changes: readonly SettingChange[] = [],
): Promise<Config> {
  if (path === undefined) return readSource(change(openSource('', 'default'), changes));
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError(path, [(error as Error).message]);
  }
  const source = change(openSource(text, path), changes);
  const config = readSource(source);
  const problems: Problem[] = [];
  for (const [key, file] of filesOf(config)) {
    try {
      await access(file, constants.R_OK);
    } catch (error) {
      problems.push({ path: key, message: `cannot read it: ${(error as Error).message}` });
    }
  }
  if (problems.length > 0) throw errorOf(source, problems);
  return config;
}

/** As {@link loadConfig} for text, without a look at other files; paths in it are relative to the folder of `path`. */
export function parseConfig(text: string, path: string): Config {
  return readSource(openSource(text, path));
}

interface Source {
  readonly path: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** What it did not say itself. */
  readonly changes: readonly SettingChange[];
}

function openSource(text: string, path: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source: Source = { path, document, lines, changes: [] };
  if (document.errors.length > 0)
    throw new ConfigError(
      path,
      document.errors.map((error) => `${placeOf(source, error.pos[0])}  ${error.message}`),
    );
  return source;
}

function change(source: Source, changes: readonly SettingChange[]): Source {
  for (const { path, value } of changes) {
    try {
      source.document.setIn(path, source.document.createNode(value));
    } catch (error) {
      throw new ConfigError(source.path, [
        `${path.join('.')}: cannot be set here: ${(error as Error).message}`,
      ]);
    }
  }
  return { ...source, changes };
}

function readSource(source: Source): Config {
  let content: unknown;
  try {
    content = source.document.toJS() ?? {};
  } catch (error) {
    throw new ConfigError(source.path, [(error as Error).message]);
  }
  const found: Problem[] = [];
  const settings = Settings.safeParse(content, { error: explain });
  if (!settings.success) found.push(...settings.error.issues.flatMap(toProblems));
  const chosen = readDetectors(content, found);
  if (!settings.success || found.length > 0) throw errorOf(source, found);

  const folder = dirname(resolve(source.path));
  const { policy, feeds, enrichment, sources, sinks, serve, forward, inventory, ...rest } = settings.data;
  return {
    ...rest,
    sources: resolveFiles(sources, folder).map((source) =>
      source.type === 'file'
        ? { ...source, paths: source.paths.map((path) => resolve(folder, path)) }
        : source,
    ),
    sinks: resolveFiles(sinks, folder).map((sink) =>
      sink.type === 'file' ? { ...sink, path: resolve(folder, sink.path) } : sink,
    ),
    serve: resolveFiles(serve, folder),
    forward: resolveFiles(forward, folder),
    policy: policy === undefined ? undefined : resolve(folder, policy),
    feeds: resolveFiles(feeds, folder),
    enrichment: resolveFiles(enrichment, folder),
    inventory: resolveFiles(inventory, folder),
    detectors: Object.fromEntries(chosen),
  };
}

/** Settings of sources, sinks, feeds and the server that name files: certificates, lists and secrets. */
const FILE_SETTINGS: ReadonlySet<string> = new Set(
  'file ca crl certificate key clientCa clientCrl urlFile'.split(' '),
);

/** The settings with absolute paths, wherever below a file is named. */
function resolveFiles<T>(settings: T, folder: string): T {
  if (Array.isArray(settings)) return settings.map((one) => resolveFiles(one, folder)) as T;
  if (typeof settings !== 'object' || settings === null) return settings;
  const entries = Object.entries(settings).map(([key, value]) => [
    key,
    typeof value === 'string' && FILE_SETTINGS.has(key)
      ? resolve(folder, value)
      : resolveFiles(value, folder),
  ]);
  return Object.fromEntries(entries) as T;
}

/** Every file a configuration names, with the setting that does. */
function filesOf({
  policy,
  feeds,
  enrichment,
  serve,
  sources,
  sinks,
  forward,
  inventory,
}: Config): [PropertyKey[], string][] {
  const named = filesBelow([], { feeds, enrichment, serve, sources, sinks, forward, inventory });
  return policy === undefined ? named : [[['policy'], policy], ...named];
}

function filesBelow(place: readonly PropertyKey[], settings: unknown): [PropertyKey[], string][] {
  if (typeof settings !== 'object' || settings === null) return [];
  return Object.entries(settings).flatMap(([key, value]): [PropertyKey[], string][] => {
    const at = [...place, Array.isArray(settings) ? Number(key) : key];
    if (typeof value !== 'string') return filesBelow(at, value);
    return FILE_SETTINGS.has(key) ? [[at, value]] : [];
  });
}

function errorOf(source: Source, problems: readonly Problem[]): ConfigError {
  const placed = problems.map((problem) => ({ ...problem, offset: offsetOf(source.document, problem.path) }));
  placed.sort((a, b) => a.offset - b.offset);
  return new ConfigError(
    source.path,
    placed.map(
      ({ path, message, offset }) =>
        `${isChanged(source, path) ? 'as given' : placeOf(source, offset)}  ${path.join('.') || 'file'}: ${message}`,
    ),
  );
}

function isChanged({ changes }: Source, path: readonly PropertyKey[]): boolean {
  return changes.some((change) => change.path.every((part, i) => part === path[i]));
}

function placeOf(source: Source, offset: number): string {
  const { line, col } = source.lines.linePos(offset);
  return `line ${line}:${col}`;
}

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Each detector's part of the file goes through that detector's schema; how it runs is ours. */
function readDetectors(content: unknown, found: Problem[]): Map<string, DetectorSettings> {
  const chosen = new Map<string, DetectorSettings>();
  const parts = entries(entries(content).get('detectors'));
  const known = detectors.map((detector) => detector.id);
  for (const id of parts.keys())
    if (!known.includes(id))
      found.push({ path: ['detectors', id], message: `no such detector: there are ${known.join(', ')}` });
  for (const detector of detectors) {
    const part = new Map(entries(parts.get(detector.id)));
    const running = Running.safeParse(Object.fromEntries(part), { error: explain });
    for (const name of Object.keys(Running.shape)) part.delete(name);
    const options = detector.config.safeParse(Object.fromEntries(part), { error: explain });
    for (const result of [running, options])
      for (const problem of result.error?.issues.flatMap(toProblems) ?? [])
        found.push({ ...problem, path: ['detectors', detector.id, ...problem.path] });
    if (running.success && options.success)
      chosen.set(detector.id, { ...running.data, options: options.data });
  }
  return chosen;
}

function entries(value: unknown): Map<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

/** An unknown key is a problem of its own, at its own place. */
function toProblems(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown setting' }));
  return [{ path: issue.path, message: issue.message }];
}

/** Says of missing settings that they are missing; undefined leaves the message to zod. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_type' && issue.input === undefined ? 'is missing' : undefined;
}

/** Where a setting stands in the text; where what should contain it stands when it is missing. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: readonly number[] } | undefined;
    const offset = node?.range?.[0];
    if (offset !== undefined) return offset;
  }
  // A setting that the command line adds stands nowhere.
  return document.contents?.range?.[0] ?? 0;
}
