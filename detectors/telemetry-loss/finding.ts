import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { durationText, evidenceQuery, rounded, timestamp } from '../evidence.ts';
import type { Addresses } from './addresses.ts';
import type { TelemetryConfig } from './config.ts';
import { type Interfaces, STATE } from './interfaces.ts';
import type { Outage } from './outages.ts';
import { type LostFields, QUARTER, type Skips } from './quarter.ts';

/** What is wrong: the counterpart of the alert, and the rule of an exception. */
const KIND = { silent: 'silent', skips: 'skipdata', fields: 'fields' } as const;

type Told = Pick<Finding, 'severity' | 'title' | 'firstSeen' | 'lastSeen' | 'score' | 'explanation'>;

/** Makes findings of what was noticed. */
export function createFindings(
  config: TelemetryConfig,
  interfaces: Interfaces,
  addresses: Addresses,
  { names }: DetectorContext,
) {
  const c = (): Interfaces['table']['columns'] => interfaces.table.columns;

  const ofAccount = (account: number, kind: string, told: Told, where: string): Finding => {
    const id = names.text(account);
    const subject = id === '' ? 'unknown account' : `account ${id}`;
    return {
      ...told,
      title: `${subject}: ${told.title}`,
      subject: id === '' ? subject : id,
      accountId: account,
      counterpart: kind,
      count: 1,
      samples: [],
      query: queryOf(`account_id ${id === '' ? 'IS NULL' : `= ${literal(id)}`}${where}`, told),
      exception: { subject: id === '' ? subject : id, rule: kind },
    };
  };

  return {
    /** A silent interface: others still see it, or it may have been deleted. */
    silent(row: number, end: number): Finding {
      const id = names.text(interfaces.codeOf(row));
      const isAlive = c().state[row] === STATE.proven;
      const last = c().last[row]!;
      const silence = durationText(end - last);
      const address = addresses.textOf(row);
      const told: Told = {
        severity: isAlive ? 'medium' : 'low',
        title: isAlive
          ? `${id}: no records for ${silence}, but others log packets from its address`
          : `${id}: no records for ${silence}; it may have been deleted`,
        firstSeen: last,
        lastSeen: end,
        score: isAlive ? 0.9 : 0.3,
        explanation: {
          observed: `${silence} without records`,
          baseline: `longest gap of late ${durationText(interfaces.usualGap(row))}, heard for ${durationText(last - c().first[row]!)}`,
          threshold: `more than ${durationText(interfaces.patience(row))}`,
          formula: `silence > max(${config.silenceMinutes} min, ${config.gaps} x longest gap)`,
          ...(isAlive && address !== undefined ? { address, packetsSeenByOthers: c().packets[row]! } : {}),
        },
      };
      return {
        ...told,
        subject: id,
        interfaceId: interfaces.codeOf(row),
        accountId: c().account[row]!,
        counterpart: KIND.silent,
        count: 1,
        samples: [],
        query:
          isAlive && address !== undefined
            ? evidenceQuery({ src: address, from: last, to: end })
            : queryOf(`interface_id = ${literal(id)}`, told),
        exception: { subject: id, rule: KIND.silent },
      };
    },

    /** An account whose interfaces fell silent together. */
    outage({ account, rows, expected, seen, since }: Outage, end: number): Finding {
      const isWhole = rows.length >= expected;
      const silence = durationText(end - since);
      return ofAccount(
        account,
        KIND.silent,
        {
          severity: isWhole || seen > 0 ? 'high' : 'medium',
          title: `${rows.length} of ${expected} interfaces without records for ${silence}`,
          firstSeen: since,
          lastSeen: end,
          score: rounded(Math.min(1, rows.length / expected)),
          explanation: {
            observed: `${rows.length} of ${expected} interfaces silent`,
            baseline: `each heard for ${config.learnHours} h and more`,
            threshold: `${Math.round(config.share * 100)} % within an hour, at least ${config.leastInterfaces}`,
            formula: `silence > max(${config.silenceMinutes} min, ${config.gaps} x longest gap), together`,
            seenByOthers: seen,
            interfaces: namesOf(rows.map((row) => names.text(interfaces.codeOf(row)))),
          },
        },
        '',
      );
    },

    /** Every account is silent: nothing is delivered, whatever the reason. */
    silence(outages: readonly Outage[], end: number): Finding {
      const interfaceCount = outages.reduce((sum, { rows }) => sum + rows.length, 0);
      const since = Math.max(...outages.map((outage) => outage.since));
      const silence = durationText(end - since);
      const told: Told = {
        severity: 'high',
        title: `all ${outages.length} accounts, ${interfaceCount} interfaces: no records for ${silence}`,
        firstSeen: since,
        lastSeen: end,
        score: 1,
        explanation: {
          observed: `${interfaceCount} interfaces of ${outages.length} accounts silent`,
          baseline: `each heard for ${config.learnHours} h and more`,
          threshold: 'all of at least 2 accounts',
          formula: `silence > max(${config.silenceMinutes} min, ${config.gaps} x longest gap), together`,
          accounts: namesOf(outages.map(({ account }) => names.text(account))),
        },
      };
      const subject = 'all accounts';
      return {
        ...told,
        subject,
        counterpart: KIND.silent,
        count: 1,
        samples: [],
        query: queryOf('true', told),
        exception: { subject, rule: KIND.silent },
      };
    },

    /** AWS skipped records. */
    skips({ account, records, skips, worst, most }: Skips, end: number): Finding {
      const share = skips / records;
      const percent = `${rounded(share * 100, 2)} %`;
      return ofAccount(
        account,
        KIND.skips,
        {
          severity: share >= 10 * config.skipShare ? 'medium' : 'low',
          title: `AWS skipped records: ${percent} of the lines of ${QUARTER / 60} min are SKIPDATA`,
          firstSeen: end - QUARTER,
          lastSeen: end,
          score: rounded(Math.min(1, 0.3 + share)),
          explanation: {
            observed: `${skips} of ${records} lines, ${percent}`,
            baseline: '0 % when AWS keeps up',
            threshold: `${rounded(config.skipShare * 100)} %`,
            formula: `SKIPDATA / lines with data or SKIPDATA within ${QUARTER / 60} min`,
            worstInterface: names.text(interfaces.codeOf(worst)),
            ofWhich: most,
          },
        },
        " AND log_status = 'SKIPDATA'",
      );
    },

    /** Records lack fields that they had. */
    fields({ account, fields, vital, interfaces: count, of }: LostFields, end: number): Finding {
      return ofAccount(
        account,
        KIND.fields,
        {
          severity: vital ? 'high' : 'medium',
          title: `records have no ${fields.join(', ')} any more`,
          firstSeen: end - QUARTER,
          lastSeen: end,
          score: rounded(count / of),
          explanation: {
            observed: `${count} of ${of} interfaces log no ${fields.join(', ')} in ${QUARTER / 60} min`,
            baseline: `all ${of} had it on this day or the day before`,
            threshold: `${Math.round(config.share * 100)} % of the interfaces`,
            formula: 'a field that no record with data of an interface has, and that it had',
          },
        },
        '',
      );
    },
  };
}

const MOST_NAMES = 10;

function namesOf(all: readonly string[]): string {
  const rest = all.length - MOST_NAMES;
  return all.toSorted().slice(0, MOST_NAMES).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** Records by minute: where they end is seen at once. */
function queryOf(where: string, { firstSeen, lastSeen }: Pick<Finding, 'firstSeen' | 'lastSeen'>): string {
  return `SELECT date_trunc('minute', "end") AS minute, count(*) AS records, count(DISTINCT interface_id) AS interfaces FROM flows WHERE ${where} AND "end" >= ${timestamp(firstSeen - 3600)} AND "end" <= ${timestamp(lastSeen)} GROUP BY ALL ORDER BY minute`;
}

/** Names come from the records: text from outside. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
