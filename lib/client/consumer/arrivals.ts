/**
 * What has arrived and is not handed out: the answer that the application is at, and one in advance. Records of paused
 * partitions wait aside; there are never more than these two answers had.
 */
import type { JsonPolledRecord } from './groups-api.ts';
import type { OwnedPartition } from './owned-partition.ts';

/** Records of one partition that came with one answer, in their order. */
export interface Run {
  partition: OwnedPartition;
  records: JsonPolledRecord[];
  /** The first that is not handed out. */
  next: number;
  /** Those of the partition when the answer was asked for. */
  seeks: number;
}

export function isCurrent({ partition, records, next, seeks }: Run): boolean {
  return next < records.length && partition.state === 'open' && seeks === partition.seeks;
}

export class Arrivals {
  private answers: Run[][] = [];
  private aside: Run[] = [];
  private begun = false;

  add(runs: readonly Run[]): void {
    if (runs.length > 0) this.answers.push([...runs]);
  }

  /** Another answer may be asked for. */
  get hasRoom(): boolean {
    this.clear();
    return this.answers.length === 0 || (this.answers.length === 1 && this.begun);
  }

  get isEmpty(): boolean {
    this.clear();
    return this.answers.length === 0 && this.aside.length === 0;
  }

  /** The run to hand records out of; `undefined`: there is none. */
  next(): Run | undefined {
    for (;;) {
      this.clear();
      const run = this.answers[0]?.[0];
      if (run === undefined) return undefined;
      if (!run.partition.paused) {
        this.begun = true;
        return run;
      }
      this.answers[0]?.shift();
      this.aside.push(run);
    }
  }

  /** What waits aside goes before all that came later. */
  resume(partition: OwnedPartition): void {
    const own = this.aside.filter((run) => run.partition === partition);
    if (own.length === 0) return;
    this.aside = this.aside.filter((run) => run.partition !== partition);
    this.answers[0] = [...own, ...(this.answers[0] ?? [])];
  }

  /** What was handed out of it last is to be handed out again. */
  putBack(run: Run): void {
    if (this.aside.includes(run) || this.answers.some((answer) => answer.includes(run))) return;
    this.answers[0] = [run, ...(this.answers[0] ?? [])];
  }

  /** Forgets what is handed out, or not to be any more. */
  private clear(): void {
    this.aside = this.aside.filter(isCurrent);
    for (;;) {
      const [answer] = this.answers;
      if (answer === undefined) break;
      while (answer[0] !== undefined && !isCurrent(answer[0])) answer.shift();
      if (answer.length > 0) return;
      this.answers.shift();
      this.begun = false;
    }
  }
}
