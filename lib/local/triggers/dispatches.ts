/** The dispatches under way. Those of one trigger can be ended by themselves. */
export class Dispatches {
  private readonly byTrigger = new Map<string, OfTrigger>();
  /** Also those that were told to end. */
  private readonly all = new Set<Promise<unknown>>();
  private isStopped = false;

  run(trigger: string, dispatch: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.isStopped) return;
    const known = this.byTrigger.get(trigger) ?? { stop: new AbortController(), under: new Set() };
    this.byTrigger.set(trigger, known);
    const under = dispatch(known.stop.signal);
    for (const set of [known.under, this.all]) {
      set.add(under);
      void under.finally(() => set.delete(under));
    }
  }

  /** Resolves when those that were under way have ended; others may have begun. */
  async restart(trigger: string): Promise<void> {
    const known = this.byTrigger.get(trigger);
    if (known === undefined) return;
    this.byTrigger.delete(trigger);
    known.stop.abort();
    await Promise.all(known.under);
  }

  /** Begins none any more. Resolves when all have ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const { stop } of this.byTrigger.values()) stop.abort();
    await Promise.all(this.all);
  }
}

interface OfTrigger {
  stop: AbortController;
  under: Set<Promise<unknown>>;
}
