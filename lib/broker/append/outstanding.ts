/**
 * Objects of replicated ledgers that may still be sent to replicas, perhaps when all who wait have been answered: their
 * bytes are held for that long, and a process that may be frozen waits for them.
 *
 * An upload that never ends, to a disk that hangs, is waited for only for a while. Its bytes are held for ever, and
 * must not keep all others from writing once its replica has left: they count only beyond what may be held at any time.
 */
import type { Clock } from '../../kernel/clock.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import type { Placement } from './placement.ts';

export class Outstanding {
  private readonly clock: Clock;
  private readonly works = new Set<Promise<void>>();
  private held = 0;
  /** Of uploads that nobody waits for any more. */
  private abandoned = 0;

  constructor({ clock }: { clock: Clock }) {
    this.clock = clock;
  }

  add(placement: Placement, bytes: number): void {
    this.held += bytes;
    const work = this.wait(placement, bytes).then(() => {
      this.held -= bytes;
      this.works.delete(work);
    });
    this.works.add(work);
  }

  get bytes(): number {
    return this.held + Math.max(0, this.abandoned - produceLimits.pendingBytesMax);
  }

  get pending(): ReadonlySet<Promise<void>> {
    return this.works;
  }

  private async wait({ over }: Placement, bytes: number): Promise<void> {
    const ended = new AbortController();
    const isOver = over.then(() => true);
    const isLate = this.clock.sleep(produceLimits.outstandingUploadMsMax, ended.signal).then(() => false);
    if (await Promise.race([isOver, isLate])) return ended.abort();
    this.abandoned += bytes;
    void over.then(() => {
      this.abandoned -= bytes;
    });
  }
}
