import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  type FilteredLogEvent,
  FilterLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { DescribeFlowLogsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { openAws } from '../../outbound/aws.ts';
import type { Delivery, Resume, Source, SourceEvents } from '../source.ts';
import type { CloudWatchOptions } from './options.ts';

/** Milliseconds between two requests: FilterLogEvents may be called 5 times a second by all of an account in a region. */
const PACE_MS = 250;
/** Milliseconds before a group that failed is looked at again, at most. */
const MAX_BACKOFF_MS = 60_000;
const DAY_MS = 86_400_000;
/** Decimal digits of Unix milliseconds, so that ids sort by time: enough until the year 2286. */
const TIME_DIGITS = 13;

interface Group {
  readonly name: string;
  /** Unix milliseconds up to which events were read. */
  reached: number;
  /** Events that were read and lie within the overlap. */
  readonly known: Set<string>;
  /** Where `known` was last cut off. */
  knownFrom: number;
  format: string | undefined;
  /** Milliseconds of the process's clock. */
  due: number;
  failures: number;
  /** The look that has begun. */
  look: { readonly began: number; readonly pages: AsyncGenerator<Delivery> } | undefined;
  /** Unix milliseconds at which the last look began that came to its end. */
  looked: number;
}

/**
 * Polls log groups. An event may come later than others with newer timestamps, so that each look begins an overlap before the newest one
 * read, and what was read before is told by its event id. What comes later than that is not seen.
 */
export async function createCloudWatchSource(
  options: CloudWatchOptions,
  resume: Resume,
  events: SourceEvents,
): Promise<Source> {
  const { region, endpoint, tls, streamPrefix } = options;
  const overlap = options.overlap * 1000;
  const aws = await openAws({ region, endpoint, tls });
  const logs = new CloudWatchLogsClient(aws.client);
  const groups = options.logGroups.map((name): Group => {
    const known = new Set(resume.ids.get(name));
    const reached = resume.positions.get(name)?.next ?? Date.now() - options.lookback * 1000;
    const begin = { knownFrom: 0, format: options.format, due: 0, failures: 0, looked: 0 };
    return { name, reached, known, ...begin, look: undefined };
  });

  /** What is older than the group keeps is gone. */
  const tellLoss = async (group: Group, signal: AbortSignal): Promise<void> => {
    if (!resume.positions.has(group.name)) return;
    const { logGroups = [] } = await logs.send(
      new DescribeLogGroupsCommand({ logGroupNamePrefix: group.name }),
      { abortSignal: signal },
    );
    const days = logGroups.find(({ logGroupName }) => logGroupName === group.name)?.retentionInDays;
    if (days === undefined) return;
    const oldest = Date.now() - days * DAY_MS;
    if (group.reached >= oldest) return;
    const reason = `the log group keeps events for ${days} days`;
    events.lost({ partition: group.name, from: group.reached, to: oldest, reason });
    group.reached = oldest;
  };

  /** The flow log's own format, when we may ask. */
  const findFormat = async (group: Group, signal: AbortSignal): Promise<void> => {
    if (group.format !== undefined) return;
    const ec2 = new EC2Client(aws.client);
    const filter = { Name: 'log-group-name', Values: [group.name] };
    const { FlowLogs = [] } = await ec2.send(new DescribeFlowLogsCommand({ Filter: [filter] }), {
      abortSignal: signal,
    });
    const formats = new Set(FlowLogs.flatMap(({ LogFormat }) => LogFormat ?? []));
    if (formats.size === 1) [group.format] = formats;
    else if (formats.size > 1)
      events.log('warn', 'flow logs of several formats write to a log group; name one as format', {
        source: options.name,
        group: group.name,
      });
  };

  /** What could not be asked at the start is no reason not to read. */
  const prepare = async (group: Group, signal: AbortSignal): Promise<void> => {
    for (const ask of [tellLoss, findFormat])
      await ask(group, signal).catch((error: Error) => {
        if (!signal.aborted)
          events.log('info', 'a log group cannot be described; it is read all the same', {
            source: options.name,
            group: group.name,
            error: error.message,
          });
      });
  };

  /** Every page from the overlap on; none of them longer than 10,000 events or 1 MB. */
  async function* read(group: Group, signal: AbortSignal): AsyncGenerator<Delivery> {
    const startTime = Math.max(0, group.reached - overlap);
    let nextToken: string | undefined;
    do {
      await sleep(PACE_MS, undefined, { signal });
      const page = await logs.send(
        new FilterLogEventsCommand({
          logGroupName: group.name,
          logStreamNamePrefix: streamPrefix,
          startTime,
          nextToken,
        }),
        { abortSignal: signal },
      );
      const delivery = take(group, page.events ?? []);
      if (delivery !== undefined) yield delivery;
      // A page may be empty and more follow; the same token again would go on for ever.
      if (page.nextToken === nextToken) break;
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
  }

  /** The events of a page that are new. */
  const take = (group: Group, page: readonly FilteredLogEvent[]): Delivery | undefined => {
    const lines: string[] = [];
    const ids: string[] = [];
    let newest = group.reached;
    let availableAt = 0;
    for (const { eventId, timestamp, message, ingestionTime } of page) {
      if (eventId === undefined || timestamp === undefined || message === undefined) continue;
      const id = `${idOf(timestamp)}/${eventId}`;
      if (group.known.has(id)) continue;
      group.known.add(id);
      ids.push(id);
      lines.push(message);
      newest = Math.max(newest, timestamp);
      availableAt = Math.max(availableAt, ingestionTime ?? 0);
    }
    if (lines.length === 0) return undefined;
    const from = group.reached;
    // An event can lie in the future, and what comes until then must be found all the same.
    group.reached = Math.max(from, Math.min(newest, Date.now()));
    forgetOld(group);
    return {
      ...deliveryOf(group, lines, ids),
      from,
      ...(availableAt === 0 ? {} : { availableAt }),
    };
  };

  const deliveryOf = (group: Group, lines: readonly string[], ids: readonly string[]): Delivery => ({
    partition: group.name,
    lane: group.name,
    content: {
      kind: 'messages',
      messages: lines.length === 0 ? [] : [Buffer.from(`${lines.join('\n')}\n`)],
    },
    from: group.reached,
    to: group.reached,
    last: false,
    format: group.format,
    ids,
    idsFrom: idOf(group.reached - overlap),
  });

  /** Now and then: looking through all of them costs as much as they are. */
  const forgetOld = (group: Group): void => {
    const from = group.reached - overlap;
    if (from - group.knownFrom < overlap / 10) return;
    group.knownFrom = from;
    const before = idOf(from);
    for (const id of group.known) if (id < before) group.known.delete(id);
  };

  const fail = (group: Group, error: Error): void => {
    const wait = Math.min(options.interval * 1000 * 2 ** group.failures++, MAX_BACKOFF_MS);
    group.due = performance.now() + wait;
    events.log('warn', 'cannot read a log group; it is tried again', {
      source: options.name,
      group: group.name,
      error: `${error.name}: ${error.message}`,
      seconds: wait / 1000,
    });
  };

  /** What the next page of the group that has something new brings; nothing when it was read to its end, or failed. */
  const nextOf = async (group: Group, signal: AbortSignal): Promise<Delivery | undefined> => {
    group.look ??= { began: Date.now(), pages: read(group, signal) };
    const { began, pages } = group.look;
    try {
      const next = await pages.next();
      if (next.done !== true) return next.value;
      group.looked = began;
      group.failures = 0;
      group.due = performance.now() + options.interval * 1000;
      events.caughtUp(group.name);
    } catch (error) {
      if (!signal.aborted) fail(group, error as Error);
    }
    group.look = undefined;
    return undefined;
  };

  return {
    async *deliveries(signal) {
      events.lanes(groups.map(({ name }) => name));
      for (const group of groups) {
        await prepare(group, signal);
        // Else a start after a silence longer than the look-back would begin after it.
        if (!resume.positions.has(group.name)) yield deliveryOf(group, [], []);
      }
      while (!signal.aborted) {
        const group = furthestBehind(groups, performance.now());
        if (group === undefined) {
          const wait = Math.min(...groups.map(({ due }) => due)) - performance.now();
          await sleep(Math.max(0, wait), undefined, { signal }).catch(() => {});
          continue;
        }
        const delivery = await nextOf(group, signal);
        if (delivery !== undefined) yield delivery;
      }
    },
    async close() {
      logs.destroy();
      aws.close();
    },
  };
}

/**
 * The due group whose event time is behind that of all others, so that groups advance together, however much waits in one: what is read of
 * one alone would pile up in open steps until the others have passed them. Before the last look there is nothing in a group that is silent.
 */
function furthestBehind(groups: readonly Group[], now: number): Group | undefined {
  const timeOf = ({ reached, looked }: Group): number => Math.max(reached, looked);
  const due = groups.filter((group) => group.due <= now);
  return due.sort((a, b) => timeOf(a) - timeOf(b))[0];
}

/** What ids begin with, so that they sort by time. */
function idOf(time: number): string {
  return String(Math.max(0, time)).padStart(TIME_DIGITS, '0');
}
