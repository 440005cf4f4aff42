/**
 * Resident memory of the local server with 2,000 idle connections of Kafka's protocol, while Kafka's own tools write
 * and read.
 */
import { KafkaTestClient } from '../../test/kafka/support/kafka-test-client.ts';
import { show } from '../figure.ts';
import { createTopic, javaMissing, type Side, startGateway } from '../kafka/sides.ts';
import { consumerPerformance, producerPerformance } from '../kafka/tools.ts';
import type { Part } from '../part.ts';
import { residentBytes } from '../processes/process-figures.ts';

const NAME = 'Resident memory, peak, 2,000 idle connections and the load of both tools';
const CONNECTIONS = 2_000;
/** Connected at the same time: a listener's backlog is shorter than all of them. */
const AT_A_TIME = 100;
const TOPIC = 'memory';
const PARTITIONS = 6;
const RECORDS = 1_000_000;
const BOUND_BYTES = 600e6;

export const kafkaMemory: Part = {
  name: 'kafka-memory',
  summary: "resident memory of the server with 2,000 idle connections, under Kafka's own producer and consumer tools",
  run: async (context) => {
    const skipped = javaMissing();
    if (skipped !== undefined) return { figures: [{ name: NAME, skipped }] };
    const side = await startGateway(context);
    const idle: KafkaTestClient[] = [];
    try {
      const started = residentBytes(side.pid).now;
      await createTopic(side, TOPIC, PARTITIONS);
      while (idle.length < CONNECTIONS) idle.push(...(await connectSome(side)));
      const connected = residentBytes(side.pid).now;
      const load = { topic: TOPIC, records: RECORDS };
      await producerPerformance(side, load, 1);
      const written = residentBytes(side.pid).peak;
      await consumerPerformance(side, load);
      const { peak } = residentBytes(side.pid);
      const lost = idle.filter(({ socket }) => socket.destroyed).length;
      if (lost > 0) throw new Error(`${lost} of the idle connections were closed`);
      const [before, withThem, after] = [started, connected, written].map(show.megabytes);
      const note = `just started ${before}, with the connections ${withThem}, peak after writing ${after}`;
      return {
        figures: [
          { name: NAME, value: peak, show: show.megabytes, bound: { kind: 'below', value: BOUND_BYTES }, note },
        ],
      };
    } finally {
      for (const client of idle) client.destroy();
      await side.stop();
    }
  },
};

/** Each has asked what any client asks first. */
function connectSome({ port }: Side): Promise<KafkaTestClient[]> {
  const connections = Array.from({ length: AT_A_TIME }, async () => {
    const client = await KafkaTestClient.open(port);
    await client.request('ApiVersions', 3, { clientSoftwareName: 'bench', clientSoftwareVersion: '1' });
    await client.request('Metadata', 12, { topics: [{ topicId: NO_TOPIC_ID, name: TOPIC }] });
    return client;
  });
  return Promise.all(connections);
}

const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
