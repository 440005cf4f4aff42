/**
 * Objects of replicated ledgers that may still be sent to replicas, perhaps when all who wait have been answered: their
 * bytes are held for that long, and a process that may be frozen waits for them.
 */
import type { Placement } from './placement.ts';

export class Outstanding {
  private readonly works = new Set<Promise<void>>();
  private held = 0;

  add(placement: Placement, bytes: number): void {
    this.held += bytes;
    const over = placement.over.then(() => {
      this.held -= bytes;
      this.works.delete(over);
    });
    this.works.add(over);
  }

  get bytes(): number {
    return this.held;
  }

  get pending(): ReadonlySet<Promise<void>> {
    return this.works;
  }
}
