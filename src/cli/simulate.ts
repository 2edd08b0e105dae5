import type { Command } from 'commander';
import type { SimulateOptions } from '../simulate/options.ts';
import type { ScenarioSummary } from '../simulate/scenarios/index.ts';
import { collect, jsonOption, numeric, whole } from './options.ts';
import { tableText } from './table.ts';
import {
  COMMAND,
  counted,
  grouped,
  minuteOf,
  note,
  print,
  safe,
  shellWord,
  style,
  toJson,
} from './terminal.ts';

interface Options extends Omit<SimulateOptions, 'scenarios'> {
  readonly scenario?: readonly string[];
  readonly list?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
A seed gives the same bytes, everywhere.

Examples:
  flowsentry simulate --hours 24 --seed 7 --out day.log.gz
  flowsentry simulate --list
  flowsentry simulate --records 100000 --seed 7 --out attack.log --scenario port-scan@30m --truth attack.csv
  flowsentry simulate --hours 1 --format '\${interface-id} \${srcaddr} \${dstaddr} \${bytes} \${start} \${end}' --out - | head`;

export function addSimulate(program: Command): void {
  program
    .command('simulate')
    .summary('write labelled logs of a believable VPC')
    .description(
      'Writes seeded flow logs of a believable VPC, with attacks on request and the truth beside them.',
    )
    .option('--out <file>', 'where to; .gz compresses, - is standard output')
    .option('--records <n>', 'exactly this many records', whole(1))
    .option('--hours <h>', 'hours of event time', numeric(0))
    .option('--seed <n>', 'same seed, same bytes', whole(0), 1)
    .option(
      '--scenario <name>',
      'add a scenario (name or name@30m to start it then); may be repeated',
      collect,
    )
    .option('--truth <file>', 'write what is an attack as CSV')
    .option('--format <format>', `'\${field} \${field}…'; without it the default format (version 2)`)
    .option('--interval <seconds>', 'aggregation interval, 60 or 600', whole(1), 60)
    .option('--ipv6-share <x>', 'part of dual-stack connections that use IPv6', numeric(0, 1))
    .option('--start <time>', 'first moment, ISO 8601')
    .option('--hosts <n>', 'hosts in the VPC', whole(5))
    .option('--rate <x>', 'multiplies how busy the hosts are', numeric(0))
    .option('--noise <x>', 'multiplies the noise from the internet, 0 is none', numeric(0))
    .option('--network <cidr>', 'IPv4 /16 of the VPC')
    .option('--account <id>', 'account of the interfaces, 12 digits')
    .option('--no-header', 'leave out the header line')
    .option('--list', 'list the scenarios')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const { scenario, list, json, ...rest } = options;
  const { SCENARIOS, simulateToFile } = await import('../simulate/simulate.ts');
  if (list === true) return print(json === true ? toJson(SCENARIOS) : scenarioTable(SCENARIOS));
  if (options.out === undefined) command.error('error: say where to with --out FILE (or --out -)');
  if (options.records === undefined && options.hours === undefined)
    command.error('error: say how much with --records N or --hours H');
  const result = await simulateToFile({ ...rest, scenarios: scenario });
  // Standard output belongs to the records then.
  const tell = options.out === '-' ? note : print;
  if (json === true) return tell(toJson(result));
  tell(
    `${style('bold', counted(result.records, 'record'))} in ${safe(options.out)}, ${minuteOf(result.from)} to ${minuteOf(result.to)} UTC, ${grouped(result.bytes)} bytes of text`,
  );
  if (options.truth !== undefined)
    tell(`${grouped(result.truthRows)} rows of truth in ${safe(options.truth)}`);
  if (options.out !== '-') tell(`try next: ${COMMAND} replay ${shellWord(options.out)} --data sim-data`);
}

function scenarioTable(scenarios: readonly ScenarioSummary[]): string {
  return tableText(
    ['scenario', 'what it is', 'ATT&CK', 'alerts'],
    scenarios.map(({ name, summary, attack, quiet }) => [
      name,
      summary,
      attack.join(' '),
      quiet ? 'none' : 'expected',
    ]),
  );
}
