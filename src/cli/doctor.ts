import { type Command, Option } from 'commander';
import type { DoctorOptions } from './diagnose.ts';
import { jsonOption, whole } from './options.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('what your logs can show')
    .description(
      'Tells which fields logs (or a format) have, which detectors work with them fully, partly or not, and how complete the logs are.',
    )
    .argument('[path...]', 'files or folders of logs')
    .addOption(new Option('--format <format>', "the records' format; without a path, the format to judge"))
    .option('--records <n>', 'look at so many records at most', whole(1), 2_000_000)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  flowsentry doctor /var/log/flow-logs
  flowsentry doctor --format '\${version} \${srcaddr} \${dstaddr} \${dstport} \${start} \${end}'`,
    )
    .action(async (paths: readonly string[], options: DoctorOptions, command: Command) => {
      const { diagnose } = await import('./diagnose.ts');
      await diagnose(paths, options, command);
    });
}
