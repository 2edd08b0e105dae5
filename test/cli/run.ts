import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** The program as it is started in a checkout. */
export const BIN = join(import.meta.dirname, '../../bin/flowsentry.cjs');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real program, in a pipe. */
export function flowsentry(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A folder that goes away with the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flowsentry-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const DAY = 1_767_571_200;

/** A default-format line `second` seconds into 2026-01-05. */
export function logLine(
  src: string,
  dst: string,
  dstPort: number,
  action: 'ACCEPT' | 'REJECT',
  second = 0,
): string {
  const start = DAY + second;
  return `2 123456789012 eni-0a1b2c3d ${src} ${dst} 40000 ${dstPort} 6 1 44 ${start} ${start + 50} ${action} OK`;
}

/** A host inside that tries sixty ports of another, all rejected, in one minute: port-scan fires. */
export function scanLog(): string {
  const lines = Array.from({ length: 60 }, (_, i) => logLine('10.0.1.5', '10.0.2.9', 1000 + i, 'REJECT'));
  return `${lines.join('\n')}\n`;
}
