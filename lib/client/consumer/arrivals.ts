/**
 * What has arrived and is not handed out: the answer that the application is at, and one in advance; beside them one
 * run that was read from the bucket. First come, first handed out. Records of paused partitions wait aside; there are
 * never more than these had.
 */
import type { Assignment } from './assignment.ts';
import type { JsonPolledRecord } from './groups-api.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { type ArrivedRecord, arrivedFromJson } from './record.ts';

/** Records of one partition that came with one answer, in their order. */
export interface Run {
  partition: OwnedPartition;
  records: ArrivedRecord[];
  /** The first that is not handed out. */
  next: number;
  /** Those of the partition when the answer was asked for. */
  seeks: number;
}

interface Answer {
  runs: Run[];
  /** It is none of a poll. */
  direct: boolean;
}

export function isCurrent({ partition, records, next, seeks }: Run): boolean {
  return next < records.length && partition.state === 'open' && seeks === partition.seeks;
}

/** `seeks` are those of each partition when the answer was asked for. */
export function runsOf(
  records: readonly JsonPolledRecord[],
  assignment: Assignment,
  seeks: ReadonlyMap<OwnedPartition, number>,
): Run[] {
  const runs = new Map<OwnedPartition, Run>();
  for (const record of records) {
    const partition = assignment.get(record);
    if (partition === undefined) continue;
    const run = runs.get(partition) ?? { partition, records: [], next: 0, seeks: seeks.get(partition) ?? 0 };
    run.records.push(arrivedFromJson(record));
    runs.set(partition, run);
  }
  return [...runs.values()];
}

export class Arrivals {
  private answers: Answer[] = [];
  private aside: Run[] = [];
  private begun = false;

  add(runs: readonly Run[]): void {
    if (runs.length > 0) this.answers.push({ runs: [...runs], direct: false });
  }

  addDirect(run: Run): void {
    this.answers.push({ runs: [run], direct: true });
  }

  /** Another answer may be asked for. */
  get hasRoom(): boolean {
    this.clear();
    const [first, ...more] = this.answers.filter(({ direct }) => !direct);
    return first === undefined || (more.length === 0 && this.begun && first === this.answers[0]);
  }

  get hasRoomForDirect(): boolean {
    this.clear();
    return !this.answers.some(({ direct }) => direct);
  }

  get isEmpty(): boolean {
    this.clear();
    return this.answers.length === 0 && this.aside.length === 0;
  }

  /** The run to hand records out of; `undefined`: there is none. */
  next(): Run | undefined {
    for (;;) {
      this.clear();
      const run = this.answers[0]?.runs[0];
      if (run === undefined) return undefined;
      if (!run.partition.paused) {
        this.begun = true;
        return run;
      }
      this.answers[0]?.runs.shift();
      this.aside.push(run);
    }
  }

  /** What waits aside goes before all that came later. */
  resume(partition: OwnedPartition): void {
    const own = this.aside.filter((run) => run.partition === partition);
    if (own.length === 0) return;
    this.aside = this.aside.filter((run) => run.partition !== partition);
    this.putFirst(own);
  }

  /** What was handed out of it last is to be handed out again. */
  putBack(run: Run): void {
    if (this.aside.includes(run) || this.answers.some(({ runs }) => runs.includes(run))) return;
    this.putFirst([run]);
  }

  private putFirst(runs: readonly Run[]): void {
    const [first] = this.answers;
    if (first === undefined) this.add(runs);
    else first.runs.unshift(...runs);
  }

  /** Forgets what is handed out, or not to be any more. */
  private clear(): void {
    this.aside = this.aside.filter(isCurrent);
    for (;;) {
      const [answer] = this.answers;
      if (answer === undefined) break;
      const { runs } = answer;
      while (runs[0] !== undefined && !isCurrent(runs[0])) runs.shift();
      if (runs.length > 0) return;
      this.answers.shift();
      this.begun = false;
    }
  }
}
