/**
 * The functions of a local server: for each trigger a pool of threads with its handler, loaded anew when a source
 * changes. A trigger that was made over the API has the handler and the environment of one in the file.
 */
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { FunctionInvoker, Invocation, InvocationResult } from '../../triggers/ports.ts';
import type { Logger } from '../logger.ts';
import { HandlerPool } from './handler-pool.ts';
import type { LocalTrigger } from './trigger-file.ts';
import { SourceWatcher } from './watch-sources.ts';

export interface LocalFunctionsOptions {
  triggers: readonly LocalTrigger[];
  clock: Clock;
  random: Random;
  log: Logger;
  /** Called when a trigger's handler is another one. */
  onReload: (trigger: string) => void;
}

interface LocalFunction {
  target: string;
  pool: HandlerPool;
  watcher: SourceWatcher;
}

export class LocalFunctions implements FunctionInvoker {
  private readonly options: LocalFunctionsOptions;
  private readonly functions = new Map<string, LocalFunction>();

  constructor(options: LocalFunctionsOptions) {
    this.options = options;
  }

  /** Loads the handlers of the file; resolves when it is known whether they load. */
  async warm(): Promise<void> {
    const { triggers } = this.options;
    await Promise.all(triggers.map((trigger) => this.make(trigger.input.name, trigger).pool.warm()));
  }

  async invoke(invocation: Invocation): Promise<InvocationResult> {
    const { trigger, target } = invocation;
    const known = this.functions.get(trigger);
    if (known?.target === target) return known.pool.invoke(invocation);
    const { triggers } = this.options;
    const named = triggers.filter(({ input }) => input.target === target);
    const found = named.find(({ input }) => input.name === trigger) ?? named[0];
    if (found === undefined) {
      const message = `No trigger of this server's file has the handler ${target}.`;
      return { outcome: 'refused', error: { kind: 'ResourceNotFoundException', message } };
    }
    // It was changed over the API to another handler of the file.
    if (known !== undefined) void this.end(known, 0);
    return this.make(trigger, found).pool.invoke(invocation);
  }

  /** Lets what runs end for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([...this.functions.values()].map((one) => this.end(one, graceMs)));
  }

  private make(trigger: string, { input, module, environment }: LocalTrigger): LocalFunction {
    const { clock, random, log, onReload } = this.options;
    const watcher = new SourceWatcher({
      clock,
      onChange: () => {
        log.info('The handler is loaded anew', { trigger, file: module.path });
        pool.reload();
        onReload(trigger);
      },
      onError: (directory, error) =>
        log.warn('Changes of the handler go unnoticed', { trigger, directory, error: String(error) }),
    });
    watcher.add(module.url);
    const onSource = (url: string) => watcher.add(url);
    const pool = new HandlerPool({ trigger, module, environment, clock, random, log, onSource });
    const made = { target: input.target, pool, watcher };
    this.functions.set(trigger, made);
    return made;
  }

  private async end({ pool, watcher }: LocalFunction, graceMs: number): Promise<void> {
    watcher.close();
    await pool.close(graceMs);
  }
}
