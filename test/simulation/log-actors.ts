/** Writers and readers of the log, who use topics that come and go as well. */
import type { Broker } from '../../lib/broker/broker.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { PassingTopics } from './passing-topics.ts';
import type { Place, Readings } from './readings.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';
import type { Writings } from './writings.ts';

interface Parts {
  scheduler: Scheduler;
  writings: Writings;
  readings: Readings;
  passing: PassingTopics;
  /** Where writers write. */
  inputs: readonly Place[];
  /** Where readers read. */
  places: readonly Place[];
}

const FETCHES = 60;

export class LogActors {
  private readonly parts: Parts;
  private readonly random: Random;

  constructor(parts: Parts) {
    this.parts = parts;
    this.random = parts.scheduler.random;
  }

  async write(broker: Broker, process: SimulatedProcess, requests: number): Promise<void> {
    const { scheduler, writings, passing, inputs } = this.parts;
    const lanes = 1 + randomBelow(this.random, 3);
    let left = requests;
    const lane = async () => {
      while (left-- > 0) {
        const place = inputs[randomBelow(this.random, inputs.length)] as Place;
        await writings.produce(broker, process, { ...place, number: left });
        if (this.random.fraction() < 0.15) await passing.produceOnce(broker, process);
        if (this.random.fraction() < 0.2) await scheduler.pause(process, this.random.fraction() * 100);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Follows each partition from the start, and now and then asks for the end. */
  async read(broker: Broker, process: SimulatedProcess): Promise<void> {
    const { scheduler, readings, passing, places } = this.parts;
    const follow = async (place: Place) => {
      let offset = 0;
      for (let fetches = 0; fetches < FETCHES; fetches++) {
        const { answer } = await readings.fetch(broker, process, { ...place, offset });
        // A reader may also look elsewhere: at what was acked last, which its own head may not know of.
        if (this.random.fraction() < 0.2) {
          const acked = readings.guessNext(place);
          if (acked > 0) await readings.fetch(broker, process, { ...place, offset: acked - 1 });
        }
        if (this.random.fraction() < 0.1) await readings.latest(broker, process, place);
        if (this.random.fraction() < 0.1) await passing.readOnce(broker, process);
        if (answer.kind === 'records') offset = answer.nextOffset;
        await scheduler.pause(process, this.random.fraction() * 60);
      }
    };
    await Promise.all(places.map(follow));
  }
}
