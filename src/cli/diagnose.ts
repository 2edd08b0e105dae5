import type { Command } from 'commander';
import { detectors } from '../../detectors/index.ts';
import { Dictionary } from '../columns/dictionary.ts';
import { createFlowBatch } from '../columns/flow-batch.ts';
import { decodeFile } from '../decode.ts';
import { EXIT, UserError } from '../errors.ts';
import { listFiles } from '../ingest/paths.ts';
import { FIELD_BY_NAME } from '../parse/fields.ts';
import { parseFormat } from '../parse/format.ts';
import { type Fitness, fieldsText, fitnessText, surveyText } from './doctor-text.ts';
import { Survey, type SurveyResult } from './survey.ts';
import { note, print, safe, toJson } from './terminal.ts';

export interface DoctorOptions {
  readonly format?: string;
  readonly records: number;
  readonly json?: boolean;
}

const BATCH_ROWS = 16_384;
const MAX_GAPS = 1000;

/** Prints what the logs at `paths`, or a format alone, can show. */
export async function diagnose(
  paths: readonly string[],
  options: DoctorOptions,
  command: Command,
): Promise<void> {
  const format = options.format === undefined ? undefined : parseFormat(options.format);
  if (options.format !== undefined && format === undefined)
    throw new UserError(
      `cannot use format ${JSON.stringify(options.format)}: write AWS's '\${version} \${account-id} …' or a header line`,
      { exitCode: EXIT.usage },
    );
  if (paths.length === 0) {
    if (format === undefined) return command.error('error: give logs, or a format with --format');
    const fitness = fitnessOf(format.fields);
    if (options.json === true)
      return print(toJson({ fields: format.fields, unknown: format.unknown, detectors: fitness }));
    const unknown = new Set(format.unknown);
    return print(
      `${fieldsText(
        format.fields.filter((name) => !unknown.has(name)),
        format.unknown,
      )}\n\n${fitnessText(fitness)}`,
    );
  }

  const survey = await look(paths, options);
  const fields = [...survey.fields.keys()];
  const known = fields.filter((name) => FIELD_BY_NAME.has(name));
  const unknown = fields.filter((name) => !FIELD_BY_NAME.has(name));
  const fitness = fitnessOf(fields);
  if (options.json === true)
    return print(
      toJson({
        ...survey,
        fields: Object.fromEntries(survey.fields),
        unknown,
        gaps: survey.gaps.slice(0, MAX_GAPS),
        detectors: fitness,
      }),
    );
  print([surveyText(survey), fieldsText(known, unknown), fitnessText(fitness)].join('\n\n'));
}

async function look(paths: readonly string[], options: DoctorOptions): Promise<SurveyResult> {
  const names = new Dictionary();
  const survey = new Survey(names);
  const warned = new Set<string>();
  const warn = (message: string): void => {
    if (warned.size < 100 && !warned.has(message)) note(safe(message));
    warned.add(message);
  };
  for (const { path } of await listFiles(paths)) {
    const parts = decodeFile(path, {
      source: path,
      format: options.format,
      names,
      batchRows: BATCH_ROWS,
      newBatch: createFlowBatch,
      skip: 0,
      warn,
    });
    for await (const part of parts) {
      survey.add(part);
      if (survey.records >= options.records) {
        note(`looked at the first ${survey.records} records only: allow more with --records`);
        return survey.result();
      }
    }
  }
  return survey.result();
}

/** How well each detector works with records that have these fields. */
export function fitnessOf(fields: readonly string[]): Fitness[] {
  return detectors.map(({ id, fields: { required, helpful } }) => {
    const missing = required.filter((field) => !fields.includes(field));
    const lacking = helpful.filter(({ field }) => !fields.includes(field));
    if (missing.length > 0) return { detector: id, state: 'off', why: [`needs ${missing.join(', ')}`] };
    if (lacking.length > 0)
      return {
        detector: id,
        state: 'degraded',
        why: lacking.map(({ field, why }) => `${field} is missing: ${why}`),
      };
    return { detector: id, state: 'full', why: [] };
  });
}
