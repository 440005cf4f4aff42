/**
 * What a poll may say of its own about where to read, beside its cursor: partitions to leave out, and places to go on
 * at.
 */
import type { Place } from './places.ts';

export interface Steering {
  /** Not read from by this poll. */
  paused?: readonly { topic: string; partitions: readonly number[] }[];
  /** Where to go on, in place of what the cursor says. */
  seek?: readonly { topic: string; partition: number; offset: number }[];
}

/** Those that are not assigned are nobody's business here. */
export function steerTo(places: readonly Place[], { seek = [] }: Steering): void {
  const offsets = new Map(seek.map(({ topic, partition, offset }) => [nameOf(topic, partition), offset]));
  for (const place of places) {
    const offset = offsets.get(nameOf(place.topic, place.partition));
    if (offset === undefined || offset === place.offset) continue;
    place.offset = offset;
    place.fresh = true;
  }
}

export function unpaused(places: readonly Place[], { paused = [] }: Steering): readonly Place[] {
  if (paused.length === 0) return places;
  const names = new Set(paused.flatMap(({ topic, partitions }) => partitions.map((n) => nameOf(topic, n))));
  return places.filter(({ topic, partition }) => !names.has(nameOf(topic, partition)));
}

/** Topic names have no slash. */
function nameOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
