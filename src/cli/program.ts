import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { Command } from 'commander';
import { addAlerts } from './alerts.ts';
import { addBacktest } from './backtest.ts';
import { addBaseline } from './baseline.ts';
import { addCheckConfig } from './check-config.ts';
import { addDecrypt } from './decrypt.ts';
import { addDetectors } from './detectors.ts';
import { addDoctor } from './doctor.ts';
import { addFeeds } from './feeds.ts';
import { addForward } from './forward.ts';
import { addHunt } from './hunt.ts';
import { addInventory } from './inventory.ts';
import { addOutbox } from './outbox.ts';
import { addQuery } from './query.ts';
import { addRejects } from './rejects.ts';
import { addReplay } from './replay.ts';
import { addRoute } from './route.ts';
import { addRun } from './run.ts';
import { addSilences } from './silences.ts';
import { addSimulate } from './simulate.ts';
import { addSinks } from './sinks.ts';
import { addToken } from './token.ts';
import { addVerify } from './verify.ts';

/** All commands. Throws CommanderError instead of ending the process. */
export function createProgram(): Command {
  const program = new Command('flowsentry')
    .description('Detects and explains what is not normal in AWS VPC flow logs')
    .version(version())
    .exitOverride()
    .showHelpAfterError('run it with --help to see what it takes')
    .configureHelp({ styleTitle: (title) => styleText('bold', title) })
    .addHelpText(
      'after',
      `
Exit codes:
  0    done
  1    something failed
  2    wrong use, or a configuration that is not valid
  3    alerts of the severity that --fail-on names, more than --max-alerts-per-day, contacts that
       --fail-on-contact asks for, or damaged files that verify found
  130  interrupted

Start here:
  flowsentry replay /var/log/flow-logs     alerts and history from a folder of logs
  flowsentry doctor /var/log/flow-logs     what these logs can show, and what not`,
    );
  addReplay(program);
  addRun(program);
  addForward(program);
  addQuery(program);
  addHunt(program);
  addFeeds(program);
  addAlerts(program);
  addInventory(program);
  addSinks(program);
  addRoute(program);
  addSilences(program);
  addOutbox(program);
  addDecrypt(program);
  addDetectors(program);
  addBacktest(program);
  addBaseline(program);
  addRejects(program);
  addDoctor(program);
  addCheckConfig(program);
  addSimulate(program);
  addToken(program);
  addVerify(program);
  return program;
}

function version(): string {
  const folder = import.meta.url.endsWith('.ts') ? '../..' : '../../..';
  const text = readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
