/**
 * Triggers on a developer's machine: the dispatcher that is deployed, inside the local server, with handlers in threads
 * in place of functions. What it commits and how it retries is the same.
 */
import type { Broker } from '../../broker/broker.ts';
import { anyPolicy, arnPatternPolicy, handlerPolicy, type TargetPolicy } from '../../broker/triggers/target-policy.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import { Dispatcher } from '../../triggers/dispatcher.ts';
import { createKafkaEventFormat } from '../../triggers/event/kafka-event-format.ts';
import type { DispatchRequest } from '../../triggers/ports.ts';
import { readStoredTrigger } from '../../triggers/read-stored-trigger.ts';
import type { Logger } from '../logger.ts';
import { Dispatches } from './dispatches.ts';
import { freeLeases } from './free-leases.ts';
import { destinationArns, openDestinations } from './local-destinations.ts';
import { LocalFunctions } from './local-functions.ts';
import { isLocal, registerTriggers } from './register-triggers.ts';
import { readTriggerFile } from './trigger-file.ts';
import { Waking } from './waking.ts';

export interface LocalTriggersOptions {
  broker: Broker;
  log: Logger;
  file: string;
  /** No other process uses the store: whoever held a lease is gone. */
  isAlone: boolean;
}

export interface LocalTriggers {
  /** What triggers that are made over the API may name. */
  policy: TargetPolicy;
  /** Delivers from now on. */
  start(): void;
  /** Begins nothing more, lets what runs end for a while, and gives its leases back. */
  close(): Promise<void>;
}

/** What events say they come from. */
const ORIGIN = {
  eventSourceArn: 'arn:aws:kafka:us-east-1:000000000000:cluster/millrace/00000000-0000-0000-0000-000000000000-1',
  bootstrapServers: 'localhost:9092',
};

/** Reads the file, and makes the store's triggers those of it. Throws `OptionsError`. */
export async function openLocalTriggers(options: LocalTriggersOptions): Promise<LocalTriggers> {
  const { broker, log, file, isAlone } = options;
  const triggers = await readTriggerFile(file);
  const destinations = await openDestinations({ broker, origin: ORIGIN, file }, triggers);
  const policy = policyFor(
    triggers.map(({ input }) => input.target),
    destinationArns(triggers),
  );
  await registerTriggers({ broker, policy, log, file, triggers: triggers.map(({ input }) => input) });
  if (isAlone) for (const { trigger } of await localTriggers(broker)) await freeLeases(broker, trigger, { held: true });

  const dispatches = new Dispatches();
  const { clock, random } = broker;
  const functions: LocalFunctions = new LocalFunctions({
    triggers,
    clock,
    random,
    log,
    onReload: (trigger) => void resume(trigger),
  });
  const dispatcher = new Dispatcher({
    broker,
    log,
    invoker: functions,
    events: createKafkaEventFormat(ORIGIN),
    destinations,
    readTrigger: (name) => readStoredTrigger(broker, name),
    handOn: async (request) => wake(request),
  });
  const wake = (request: DispatchRequest) =>
    dispatches.run(request.trigger, (signal) => dispatcher.dispatch(request, { signal }));
  const waking = new Waking({ broker, log, wake });
  /** What failed in the handler as it was is tried at once in the one that it is now. */
  const resume = async (name: string) => {
    try {
      await dispatches.restart(name);
      const stored = await readStoredTrigger(broker, name);
      if (stored !== undefined) await freeLeases(broker, stored.trigger, { held: false });
    } catch (error) {
      log.warn('What failed in the handler before is tried again when it is due', { trigger: name, error });
    }
    await waking.look();
  };

  await functions.warm();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  return {
    policy,
    start: () => {
      running ??= waking.run(stopping.signal);
    },
    close: async () => {
      stopping.abort();
      const ended = dispatches.stop();
      await functions.close(serverLimits.handlerGraceMsMax);
      await Promise.all([ended, running]);
    },
  };
}

function policyFor(handlers: readonly string[], arns: readonly string[]): TargetPolicy {
  const local = handlerPolicy(new Set(handlers));
  return arns.length === 0 ? local : anyPolicy([local, arnPatternPolicy(arns)]);
}

async function localTriggers(broker: Broker) {
  return (await broker.triggers.listFresh()).filter(({ trigger }) => isLocal(trigger));
}
