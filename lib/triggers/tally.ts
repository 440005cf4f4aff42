/** What a dispatch has counted, for its summary; each count goes to the meter as well. */
import type { TriggerCounts, TriggerMeter } from './ports.ts';

export class Tally {
  readonly counts: TriggerCounts = {
    invocations: 0,
    errors: 0,
    throttles: 0,
    refusals: 0,
    retries: 0,
    delivered: 0,
    filtered: 0,
    discarded: 0,
    destinationSends: 0,
    destinationFailures: 0,
    offsetResets: 0,
  };
  private readonly trigger: string;
  private readonly meter: TriggerMeter;

  constructor(trigger: string, meter: TriggerMeter) {
    this.trigger = trigger;
    this.meter = meter;
  }

  add(counts: Partial<TriggerCounts>): void {
    for (const [name, count] of Object.entries(counts) as [keyof TriggerCounts, number][]) this.counts[name] += count;
    this.meter.count(this.trigger, counts);
  }

  iteratorAge(ageMs: number): void {
    this.meter.iteratorAge(this.trigger, Math.max(0, ageMs));
  }

  lag(place: { topic: string; partition: number }, records: number): void {
    this.meter.lag(this.trigger, place, Math.max(0, records));
  }
}
