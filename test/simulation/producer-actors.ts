/** Who works in a history of idempotent and transactional producers. */
import type { Broker } from '../../lib/broker/broker.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import { CopyingWorkers } from './copying-workers.ts';
import { KafkaClients } from './kafka-clients.ts';
import type { Place, Readings } from './readings.ts';
import type { SimulatedProcess } from './scheduler.ts';
import { SequencedProducers } from './sequenced-producers.ts';
import { type ProducerSite, TransactionalProducers } from './transactional-producers.ts';

type Work = (broker: Broker, process: SimulatedProcess) => Promise<void>;

interface Parts extends Omit<ProducerSite, 'places'> {
  readings: Readings;
  inputs: readonly Place[];
  outputs: readonly Place[];
}

const LOOKS = 20;

export class ProducerActors {
  private readonly parts: Parts;
  private readonly random: Random;
  private readonly places: readonly Place[];

  constructor(parts: Parts) {
    this.parts = parts;
    this.random = parts.scheduler.random;
    this.places = [...parts.inputs, ...parts.outputs];
  }

  /** Those that only have sequences. */
  sequenced(): [string, Work][] {
    const sequenced = new SequencedProducers({ ...this.parts, places: this.places });
    const names = ['sequenced0', 'sequenced1'];
    const works: [string, Work][] = names.map((name) => [name, (b, p) => sequenced.run(name, b, p)]);
    works.push(['crowd', (b, p) => sequenced.crowd(b, p)]);
    return works;
  }

  /** By name. Two of one name are two processes that believe to be the only one. */
  all(): [string, Work][] {
    const { readings, inputs, outputs } = this.parts;
    const site = { ...this.parts, places: this.places };
    const sequenced = new SequencedProducers(site);
    const producers = new TransactionalProducers(site);
    const copying = new CopyingWorkers(site, { producers, readings, outputs });
    const clients = new KafkaClients(site, producers.events);
    const input = inputs[randomBelow(this.random, inputs.length)] as Place;
    const works: [string, Work][] = [['looker', (b, p) => this.lookAcross(b, p)]];
    for (const name of ['sequenced0', 'sequenced1', 'sequenced2'])
      works.push([name, (b, p) => sequenced.run(name, b, p)]);
    works.push(['crowd', (b, p) => sequenced.crowd(b, p)]);
    for (const name of ['declared0', 'declared1']) works.push([name, (b, p) => producers.run(name, b, p)]);
    for (let twin = 0; twin < 2; twin++) {
      works.push(['in parts', (b, p) => producers.runInParts('in parts', b, p)]);
      works.push(['copier', (b, p) => copying.run(input, b, p)]);
      works.push(['client', (_b, p) => clients.run('by clients', p)]);
    }
    return works.map(([name, work]) => {
      const serving: Work = (broker, process) => {
        clients.serve(broker, process);
        return work(broker, process);
      };
      return [name, serving];
    });
  }

  /** Reads somewhere near the end, and then asks for the ends elsewhere: what belongs together is there by then. */
  private async lookAcross(broker: Broker, process: SimulatedProcess): Promise<void> {
    const { readings, scheduler, slowness = 1 } = this.parts;
    for (let look = 0; look < LOOKS; look++) {
      const place = this.places[randomBelow(this.random, this.places.length)] as Place;
      const offset = Math.max(0, readings.guessNext(place) - randomBelow(this.random, 10));
      await readings.fetch(broker, process, { ...place, offset });
      for (const other of this.places) {
        if (other !== place && this.random.fraction() < 0.5) await readings.latest(broker, process, other);
      }
      await scheduler.pause(process, this.random.fraction() * 250 * slowness);
    }
  }
}
