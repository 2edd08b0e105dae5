import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DetectorModule } from '../../detectors/define.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Step, WindowBatch } from '../../src/columns/session-batch.ts';
import {
  type Detector,
  type DetectorContext,
  type Finding,
  SEVERITIES,
  type Sign,
} from '../../src/contracts.ts';
import {
  plainContext,
  type SessionLiteral,
  type StepLiteral,
  shuffledStep,
  shuffledWindow,
  stepOf,
} from '../rows.ts';
import { windowsOf } from '../windows.ts';

/** What the suite needs to know of a detector to make it fire. */
export interface ContractOptions {
  /** Configuration under which the traffic of `firing` gives findings; default: the detector's own defaults. */
  readonly config?: unknown;
  /** Steps that must give at least one finding. */
  readonly firing: readonly StepLiteral[];
  /** Makes a context around a dictionary; default: knows nothing. */
  readonly context?: (names: Dictionary) => DetectorContext;
  /** Configuration with caps so small that `firing` or the random traffic overflows them; left out: the detector has no state. */
  readonly tiny?: unknown;
  /** What others find in each step of `firing`, for a detector that judges findings. */
  readonly signs?: readonly (readonly Sign[])[];
  /** Its alerts are about what is not there: their subjects are names, and they have no flows to show. */
  readonly absence?: boolean;
}

/** What a detector is shown, in order. */
type Call =
  | { readonly step: Step }
  | { readonly window: WindowBatch }
  | { readonly signs: readonly Sign[]; readonly now: number };

const START = 1_760_000_400;
const MINUTE = 60;

const address = fc.oneof(
  fc.nat(6).map((host) => `10.0.${host >> 2}.${host + 1}`),
  fc.nat(5).map((host) => `203.0.${host}.${host + 1}`),
  fc.nat(3).map((host) => `fd00:0:0:${host}::${host + 1}`),
  fc.nat(3).map((host) => `2001:db8:${host}::1`),
);
const state = fc.constantFrom<NonNullable<SessionLiteral['state']>>(
  ['accepted', 'established', 'establishedNow', 'first'],
  ['accepted', 'established', 'establishedNow', 'first', 'synSeen'],
  ['accepted', 'established'],
  ['accepted', 'first', 'synSeen'],
  ['rejected', 'rejectedNow', 'first'],
);
const session: fc.Arbitrary<SessionLiteral> = fc.record({
  src: address,
  dst: address,
  sport: fc.integer({ min: 1024, max: 60_000 }),
  port: fc.oneof(fc.constantFrom(22, 53, 443, 3389), fc.nat(65_535)),
  protocol: fc.constantFrom(6, 6, 17, 1),
  state,
  bytesOut: fc.constantFrom(0, 40, 5000, 20_000, 900_000_000),
  bytesIn: fc.constantFrom(0, 40, 5000, 20_000),
  packetsOut: fc.nat(20),
  packetsIn: fc.nat(20),
});
const traffic: fc.Arbitrary<StepLiteral[]> = fc
  .array(
    fc.record({
      active: fc.uniqueArray(session, { maxLength: 25, selector: fiveTuple }),
      ended: fc.uniqueArray(session, { maxLength: 10, selector: fiveTuple }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) => steps.map((step, i) => ({ start: START + i * MINUTE, ...step })));

function fiveTuple(row: SessionLiteral): string {
  return `${row.src} ${row.dst} ${row.sport} ${row.port} ${row.protocol}`;
}

/** Holds for every detector what the pipeline relies on. Call it inside the detector's test file. */
export function itIsADetector(module: DetectorModule, options: ContractOptions): void {
  const config = module.config.parse(options.config ?? {});
  const start = (names: Dictionary, settings: unknown = config): Detector =>
    module.create(settings, options.context?.(names) ?? plainContext({ names }));
  const callsOf = (steps: readonly StepLiteral[], names: Dictionary): Call[] => {
    const demands = module.windows?.(config) ?? [];
    return steps.flatMap((literal, i): Call[] => [
      { step: stepOf(literal, names) },
      ...windowsOf(steps.slice(0, i + 1), demands).map((window) => ({ window })),
      ...(steps === options.firing && options.signs !== undefined
        ? [{ signs: options.signs[i] ?? [], now: literal.start + MINUTE }]
        : []),
    ]);
  };
  const findings = (steps: readonly StepLiteral[], settings?: unknown): Finding[] => {
    const names = new Dictionary();
    return show(start(names, settings), callsOf(steps, names));
  };

  describe(`${module.id} is a detector`, () => {
    it('has defaults for every option and refuses unknown ones', () => {
      expect(module.config.safeParse({}).success).toBe(true);
      expect(module.config.safeParse({ noSuchOption: 1 }).success).toBe(false);
    });

    it('names itself in kebab-case with ATT&CK techniques and needed fields', () => {
      expect(module.id).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(module.attack.every((technique) => /^T\d{4}(\.\d{3})?$/.test(technique))).toBe(true);
      expect(module.fields.required).toContain(options.absence === true ? 'interface-id' : 'srcaddr');
      expect(module.subjects).toBe(options.absence === true ? 'names' : undefined);
      expect(module.quietPeriod).toBeGreaterThan(0);
    });

    it('is silent on steps and windows without rows', () => {
      expect(findings(Array.from({ length: 20 }, (_, i) => ({ start: START + i * MINUTE })))).toEqual([]);
    });

    it('finds what it must, with every field of a finding', () => {
      const found = findings(options.firing);
      expect(found.length).toBeGreaterThan(0);
      for (const finding of found) expectWhole(finding, options.absence);
    });

    it('gives whole findings on any traffic', () => {
      fc.assert(
        fc.property(traffic, (steps) => {
          for (const finding of findings(steps)) expectWhole(finding, options.absence);
        }),
        { numRuns: 50 },
      );
    });

    it('finds the same in any order of rows', () => {
      const property = (steps: readonly StepLiteral[], random: () => number, settings?: unknown): void => {
        const names = new Dictionary();
        const calls = callsOf(steps, names).map(
          (call): Call =>
            'step' in call
              ? { step: shuffledStep(call.step, random) }
              : 'window' in call
                ? { window: shuffledWindow(call.window, random) }
                : call,
        );
        expect(show(start(names, settings), calls)).toEqual(findings(steps, settings));
      };
      const tiny = options.tiny === undefined ? undefined : module.config.parse(options.tiny);
      fc.assert(
        fc.property(traffic, fc.infiniteStream(fc.nat()), (steps, stream) => {
          const random = (): number => stream.next().value as number;
          property(steps, random);
          property(options.firing, random);
          if (tiny !== undefined) property(steps, random, tiny);
        }),
        { numRuns: 40 },
      );
    });

    it('goes on after snapshot and restore as if nothing had happened', () => {
      const property = (steps: readonly StepLiteral[], cut: number): void => {
        const names = new Dictionary();
        const calls = callsOf(steps, names);
        const at = cut % (calls.length + 1);
        const before = start(names);
        const found = show(before, calls.slice(0, at));
        const after = start(names);
        after.restore(before.snapshot());
        found.push(...show(after, calls.slice(at)));
        expect(found).toEqual(findings(steps));
      };
      fc.assert(
        fc.property(traffic, fc.nat(), (steps, cut) => {
          property(steps, cut);
          property(options.firing, cut);
        }),
        { numRuns: 40 },
      );
    });

    it('restores what it snapshot, overflow included', () => {
      const names = new Dictionary();
      const settings = options.tiny === undefined ? config : module.config.parse(options.tiny);
      const before = start(names, settings);
      show(before, callsOf(options.firing, names));
      const after = start(names, settings);
      after.restore(before.snapshot());
      expect(after.overflow).toBe(before.overflow);
      expect(Buffer.compare(after.snapshot(), before.snapshot())).toBe(0);
    });

    if (options.tiny !== undefined) {
      it('counts what finds no place under its caps', () => {
        const names = new Dictionary();
        const detector = start(names, module.config.parse(options.tiny));
        show(detector, callsOf(options.firing, names));
        expect(detector.overflow).toBeGreaterThan(0);
      });
    }
  });
}

function show(detector: Detector, calls: readonly Call[]): Finding[] {
  const found: Finding[] = [];
  const emit = (finding: Finding): void => {
    found.push(finding);
  };
  for (const call of calls) {
    if ('step' in call) detector.step?.(call.step, emit);
    else if ('window' in call) detector.window?.(call.window, emit);
    else detector.signs?.(call.signs, call.now, emit);
  }
  return found;
}

/** Every field of a finding is there and means something. */
export function expectWhole(finding: Finding, absence = false): void {
  expect(SEVERITIES).toContain(finding.severity);
  expect(finding.title).toMatch(/\S/);
  expect(finding.title).not.toMatch(/\.$|undefined|NaN/);
  expect(finding.subject).toMatch(absence ? /\S/ : /^[0-9a-f:.]+$/);
  expect(finding.counterpart).toMatch(/\S/);
  expect(finding.firstSeen).toBeGreaterThan(0);
  expect(finding.lastSeen).toBeGreaterThanOrEqual(finding.firstSeen);
  expect(finding.count).toBeGreaterThanOrEqual(1);
  expect(finding.score).toBeGreaterThanOrEqual(0);
  expect(finding.score).toBeLessThanOrEqual(1);
  const { observed, baseline, threshold, formula } = finding.explanation;
  for (const value of [observed, baseline, threshold]) expect(String(value)).toMatch(/\d/);
  expect(formula).toMatch(/\S/);
  for (const value of Object.values(finding.explanation)) expect(String(value)).not.toMatch(/undefined|NaN/);
  expect(finding.samples.length).toBeGreaterThanOrEqual(absence ? 0 : 1);
  expect(finding.query).toMatch(/^SELECT .* FROM (flows|sessions|windows) /s);
  expect(finding.exception.subject ?? finding.exception.peer ?? finding.exception.rule).toMatch(/\S/);
}
