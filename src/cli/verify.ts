import type { Command } from 'commander';
import { EXIT } from '../errors.ts';
import { dataOption, jsonOption } from './options.ts';
import { grouped, note, print, safe, toJson } from './terminal.ts';

interface Options {
  readonly data: string;
  readonly putAside?: boolean;
  readonly json?: boolean;
}

export function addVerify(program: Command): void {
  program
    .command('verify')
    .summary('compare the history with what was written')
    .description(
      'Reads every file of the history and compares it with the checksums of the manifest. Queries do so with what they read, and a running service with everything, a share every ten minutes.',
    )
    .addOption(dataOption())
    .option('--put-aside', 'take damaged files out of the history; no service may be running')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Exit codes: 0 all is as it was written · 3 files are damaged.

Examples:
  flowsentry verify --data /var/lib/flowsentry
  flowsentry verify --data /var/lib/flowsentry --put-aside`,
    )
    .action(run);
}

async function run({ data, putAside, json }: Options): Promise<void> {
  const [{ verifyHistory }, { lossText }] = await Promise.all([
    import('../verify.ts'),
    import('../store/history/verify.ts'),
  ]);
  const found = await verifyHistory(data, putAside === true, (message) => note(safe(message)));
  const { files, bytes, unchecked, loss } = found;
  if (json === true)
    print(toJson({ files, bytes, unchecked, damaged: loss?.files ?? 0, loss: loss ?? null }));
  else {
    print(`${grouped(files)} files, ${grouped(Math.round(bytes / 1e6))} MB`);
    if (unchecked > 0)
      print(
        `${grouped(unchecked)} of them have no checksums, only their length is known: an older version wrote them`,
      );
    print(loss === undefined ? 'all is as it was written' : safe(lossText(loss, putAside === true)));
  }
  if (loss !== undefined) process.exitCode = EXIT.found;
}
