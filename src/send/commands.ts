import { z } from 'zod';
import type { Alert } from '../contracts.ts';
import { VERDICTS } from './delivery/remarks.ts';
import { SilenceOptions } from './options.ts';
import type { Sender } from './sender.ts';

const by = z.string().min(1).max(200);
const alert = z.string().regex(/^[\da-f]{32}$/);
const target = { sink: z.string().optional(), key: z.string().optional() };

/** What a person tells the service that holds a data folder. Each may be carried out twice without harm. */
export const Command = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('acknowledge'), alert, by }),
  z.strictObject({ do: z.literal('comment'), alert, by, text: z.string().min(1).max(4000) }),
  z.strictObject({ do: z.literal('close'), alert, by, as: z.enum(VERDICTS) }),
  z.strictObject({
    do: z.literal('silence'),
    id: z.string().regex(/^[\w-]{1,64}$/),
    ...SilenceOptions.shape,
  }),
  z.strictObject({ do: z.literal('expire'), id: z.string().max(64), by }),
  z.strictObject({ do: z.literal('retry'), ...target, by }),
  z.strictObject({ do: z.literal('drop'), ...target, by }),
]);
export type Command = z.infer<typeof Command>;

/** What is known of alerts. */
interface Alerts {
  /** The alert as it is now, when somebody should see it. */
  alertOf(id: string): Alert | undefined;
  /** Whether there is such an alert, in the shadow or not. */
  hasAlert(id: string): boolean;
}

/** Carries a command out, and says what came of it. Throws an Error for what cannot be. */
export function carryOut(command: Command, sender: Sender, alerts: Alerts, now: number): string {
  const at = new Date(now).toISOString();
  switch (command.do) {
    case 'acknowledge':
    case 'comment':
    case 'close': {
      const { alert: id } = command;
      if (!alerts.hasAlert(id)) throw new Error(`no such alert: ${id}`);
      const said = { by: command.by, at };
      if (command.do === 'acknowledge') sender.remarks.acknowledge(id, said);
      else if (command.do === 'close') {
        // Nobody has to be spared what nobody is told of, and nothing would open it again when it is told later.
        const isTold = alerts.alertOf(id) !== undefined;
        sender.remarks.judge(id, { ...said, as: command.as }, isTold);
      } else sender.remarks.comment(id, { ...said, text: command.text });
      sender.look(id);
      return 'done';
    }
    case 'silence': {
      const { do: _, ...silence } = command;
      sender.keep({ ...silence, hits: 0, configured: false });
      return 'done';
    }
    case 'expire': {
      const ended = sender.silences.end(command.id, now);
      if (ended === undefined) throw new Error(`no silence that could be ended: ${command.id}`);
      sender.keep(ended);
      return 'done';
    }
    case 'retry':
    case 'drop': {
      const names = command.sink === undefined ? sender.sinks : [command.sink];
      let count = 0;
      for (const name of names) {
        const queue = sender.queue(name);
        count += (command.do === 'retry' ? queue?.revive(command.key, now) : queue?.bury(command.key)) ?? 0;
      }
      sender.wake();
      return `${count} dead letters`;
    }
  }
}
