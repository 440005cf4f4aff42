/** The environments of one function, each with one invocation at a time. */
import type { ExecutionEnvironment } from './execution-environment.ts';

export interface PoolOptions {
  start: () => Promise<ExecutionEnvironment>;
  /** How many there may be. */
  concurrency: number;
}

export class EnvironmentPool {
  /** All that were ever started. */
  readonly started: ExecutionEnvironment[] = [];
  private readonly options: PoolOptions;
  private readonly free: ExecutionEnvironment[] = [];
  private readonly busy = new Set<ExecutionEnvironment>();
  private readonly waiting: PromiseWithResolvers<ExecutionEnvironment>[] = [];
  private starting = 0;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** That have an invocation. */
  get atWork(): readonly ExecutionEnvironment[] {
    return [...this.busy];
  }

  /** A free one, or another one; `undefined` where there are as many as there may be. */
  take(): Promise<ExecutionEnvironment> | undefined {
    const free = this.free.pop();
    if (free !== undefined) {
      this.busy.add(free);
      return Promise.resolve(free);
    }
    return this.busy.size + this.starting < this.options.concurrency ? this.startOne() : undefined;
  }

  /** As `take`, as soon as there is one. */
  wait(): Promise<ExecutionEnvironment> {
    const taken = this.take();
    if (taken !== undefined) return taken;
    const turn = Promise.withResolvers<ExecutionEnvironment>();
    this.waiting.push(turn);
    return turn.promise;
  }

  giveBack(environment: ExecutionEnvironment): void {
    // One that was killed is not there any more.
    if (!this.busy.has(environment)) return;
    const next = this.waiting.shift();
    if (next !== undefined) return next.resolve(environment);
    this.busy.delete(environment);
    this.free.push(environment);
  }

  /** Its invocation fails; whoever waits gets another one. */
  async kill(environment: ExecutionEnvironment): Promise<void> {
    this.busy.delete(environment);
    const next = this.waiting.shift();
    if (next !== undefined) void this.startOne().then(next.resolve, next.reject);
    await environment.kill();
  }

  async close(): Promise<void> {
    await Promise.all(this.started.map((environment) => environment.kill()));
  }

  private async startOne(): Promise<ExecutionEnvironment> {
    this.starting++;
    try {
      const environment = await this.options.start();
      this.started.push(environment);
      this.busy.add(environment);
      return environment;
    } finally {
      this.starting--;
    }
  }
}
