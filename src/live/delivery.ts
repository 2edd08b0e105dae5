import { guideOf } from '../../detectors/index.ts';
import type { Config } from '../config.ts';
import type { Engine } from '../engine.ts';
import { openSender, type Sender } from '../send/sender.ts';
import { openSink } from '../send/sinks/index.ts';
import { openDesk } from './desk.ts';

export interface DeliveryOptions {
  readonly data: string;
  readonly config: Config;
  readonly engine: Engine;
  log(level: 'info' | 'warn' | 'error', message: string, details: Readonly<Record<string, unknown>>): void;
}

/** Opens the sinks of the configuration on what the engine has saved of them, and carries out what people want of it. */
export async function openDelivery({ data, config, engine, log }: DeliveryOptions) {
  const { alertOf, alerts, hasAlert, outbox: saved, writeOutbox: write } = engine;
  await using opened = new AsyncDisposableStack();
  const sender: Sender = opened.use(
    await openSender({ settings: config, saved, alerts, alertOf, write, guideOf, openSink, log }),
  );
  opened.use(await openDesk({ data, sender, alertOf, hasAlert, log }));
  const owned = opened.move();
  return { sender, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
