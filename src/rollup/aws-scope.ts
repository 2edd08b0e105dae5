import { type Dictionary, OVERFLOW_TEXT } from '../columns/dictionary.ts';
import { SCOPE } from '../columns/session-batch.ts';

/**
 * Names of AWS's ranges where whoever pays runs a machine, or has AWS pass on to one: rented machines (`EC2`, builds of `CODEBUILD`) and
 * fronts of any origin. An address there tells no more than one of another hoster. Codes as in ip-ranges.json:
 * https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html
 */
const ANYBODYS: ReadonlySet<string> = new Set([
  'EC2',
  'CODEBUILD',
  'CLOUDFRONT',
  'GLOBALACCELERATOR',
  'API_GATEWAY',
  // A name that found no place may have been any of these.
  OVERFLOW_TEXT,
]);

/** The scope of an address of which the log says that it is of an AWS service: code of its name, 0 where it says nothing. */
export function scopeWithService(scope: number, service: number, names: Dictionary): number {
  if (service === 0 || scope !== SCOPE.public || ANYBODYS.has(names.text(service))) return scope;
  return SCOPE.awsService;
}
