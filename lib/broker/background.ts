/** Work that nobody waits for, kept so that a process can let it end before it stops or is frozen. */
export class Background {
  private readonly works = new Set<Promise<unknown>>();

  /** `work` must not reject. */
  add(work: Promise<unknown>): void {
    const kept = work.finally(() => this.works.delete(kept));
    this.works.add(kept);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.works.size > 0) await Promise.all(this.works);
  }
}
