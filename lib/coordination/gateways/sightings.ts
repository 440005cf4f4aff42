/**
 * Which of the gateways that have announced themselves are alive: those whose beat was seen to change not long ago, by
 * the time of who looks. Clocks of machines differ, so that what a gateway says of its own time counts only when
 * nothing else is known of it: at first sight.
 */
import { bytesEqual } from '../../kernel/bytes.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { AnnouncedBroker, Announcement } from './announcement.ts';

export interface LookTime {
  /** Of a clock that never goes back. */
  monotonicMs: number;
  /** Since the Unix epoch. */
  nowMs: number;
}

interface Sighting {
  process: Uint8Array;
  beatMs: number;
  /** When the beat was seen to change, on the monotonic clock. */
  changedMs: number;
}

export class Sightings {
  #known = new Map<number, Sighting>();

  /**
   * The brokers of those that are alive, by all announcements that there are. Of two with the same node id the first.
   */
  alive(announcements: readonly Announcement[], time: LookTime): AnnouncedBroker[] {
    const before = this.#known;
    this.#known = new Map();
    const brokers = new Map<number, AnnouncedBroker>();
    for (const announcement of announcements) {
      const [first] = announcement.brokers;
      if (first === undefined) continue;
      const sighting = sightingOf(announcement, before.get(first.nodeId), time);
      this.#known.set(first.nodeId, sighting);
      if (time.monotonicMs - sighting.changedMs >= kafkaLimits.kafkaGatewaySilenceMsMax) continue;
      for (const broker of announcement.brokers) {
        if (!brokers.has(broker.nodeId)) brokers.set(broker.nodeId, broker);
      }
    }
    return [...brokers.values()];
  }
}

function sightingOf(
  { process, beatMs }: Announcement,
  before: Sighting | undefined,
  { monotonicMs, nowMs }: LookTime,
): Sighting {
  if (before === undefined) {
    const isFresh = Math.abs(nowMs - beatMs) < kafkaLimits.kafkaGatewaySilenceMsMax;
    return { process, beatMs, changedMs: isFresh ? monotonicMs : Number.NEGATIVE_INFINITY };
  }
  const isSame = before.beatMs === beatMs && bytesEqual(before.process, process);
  return isSame ? before : { process, beatMs, changedMs: monotonicMs };
}
