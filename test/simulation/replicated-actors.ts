/**
 * Who works in a history of replicated ledgers: writers that are answered by the leader alone or by all in sync, and
 * whoever looks after the replicas. It goes on for as long as buckets take to fail and to come back.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import type { ReplicationRules } from '../../lib/broker/replication/rules.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { Place, Readings } from './readings.ts';
import { RACKS } from './replica-buckets.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';
import type { Writings } from './writings.ts';

interface Parts {
  scheduler: Scheduler;
  writings: Writings;
  readings: Readings;
  places: readonly Place[];
  ledgers: readonly { ledger: LedgerId; rules: ReplicationRules }[];
  /** Of the rules of looks, what a program with a planted bug makes of them. */
  planted: (rules: ReplicationRules) => ReplicationRules;
  /** Whether anybody still writes. */
  isBusy: () => boolean;
}

const LANES = 2;
const REQUESTS = 20;
const FETCHES = 16;
const LOOK_EVERY_MS = 1_000;
/** Enough for everything to come back after the last fault. */
const LOOKS_AFTER = 60;

export class ReplicatedActors {
  private readonly parts: Parts;
  private readonly random: Random;
  private requests = 0;

  constructor(parts: Parts) {
    this.parts = parts;
    this.random = parts.scheduler.random;
  }

  async write(broker: Broker, process: SimulatedProcess): Promise<void> {
    let left = REQUESTS;
    // Whoever asks for all waits where others go on.
    const leaderAcks = [0, 0.3, 1][randomBelow(this.random, 3)] as number;
    const lane = async () => {
      while (left-- > 0) {
        const place = this.anyPlace();
        const acks = this.random.fraction() < leaderAcks ? 'leader' : undefined;
        await this.parts.writings.produce(broker, process, { ...place, number: this.requests++, acks });
        // In bursts, so that appends meet, and long enough for buckets to fail and to return meanwhile.
        await this.pause(process, this.random.fraction() < 0.5 ? 100 : 6_000);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  /** Reads on from where it was, near the end as well, and asks for the end, until the writers are done. */
  async read(broker: Broker, process: SimulatedProcess): Promise<void> {
    const offsets = new Map<Place, number>();
    // Near one of the replicas, or near none.
    const rack = RACKS[randomBelow(this.random, RACKS.length + 1)];
    while (this.parts.isBusy()) {
      for (let fetches = 0; fetches < FETCHES && this.parts.isBusy(); fetches++) {
        const place = this.anyPlace();
        const acked = this.parts.readings.guessNext(place);
        const isNear = this.random.fraction() < 0.3 && acked > 0;
        const offset = isNear ? acked - 1 : (offsets.get(place) ?? 0);
        const { answer } = await this.parts.readings.fetch(broker, process, { ...place, offset, rack });
        if (answer.kind === 'records' && !isNear) offsets.set(place, answer.nextOffset);
        if (this.random.fraction() < 0.3) await this.parts.readings.latest(broker, process, place);
        await this.pause(process, 1_500);
      }
    }
  }

  /** Looks after the replicas, as a process does that has nothing else to do. */
  async keep(broker: Broker, process: SimulatedProcess): Promise<void> {
    while (this.parts.isBusy()) {
      for (const { ledger, rules } of this.parts.ledgers) {
        await broker.keeper.look(ledger, this.parts.planted(rules));
      }
      await this.pause(process, LOOK_EVERY_MS * 2);
    }
  }

  /** When all buckets are well again. */
  async restore(broker: Broker, process: SimulatedProcess, isRestored: () => boolean): Promise<void> {
    for (let looks = 0; looks < LOOKS_AFTER && !isRestored(); looks++) {
      for (const { ledger, rules } of this.parts.ledgers) await broker.keeper.look(ledger, rules);
      await this.parts.scheduler.pause(process, LOOK_EVERY_MS);
    }
    await broker.keeper.settled();
  }

  private anyPlace(): Place {
    return this.parts.places[randomBelow(this.random, this.parts.places.length)] as Place;
  }

  private pause(process: SimulatedProcess, maxMs: number): Promise<void> {
    return this.parts.scheduler.pause(process, this.random.fraction() * maxMs);
  }
}
