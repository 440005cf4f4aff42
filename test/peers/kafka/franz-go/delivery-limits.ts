/**
 * Lets records of every share group be delivered as often as franz-go's tests count on: where they are run against
 * Kafka, its brokers have a `group.share.delivery.count.limit` of 10. Here each group has its own, and the tests make
 * up their names, so that groups are looked for while they run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaTestClient } from '../../../kafka/support/kafka-test-client.ts';

const DELIVERIES = '10';
/** Sooner than a group's records can have been delivered five times. */
const LOOK_MS = 200;
/** As DescribeConfigs numbers kinds of resources. */
const GROUP = 32;
const SET = 0;

export interface DeliveryLimits {
  close(): Promise<void>;
}

export async function raiseDeliveryLimits(port: number): Promise<DeliveryLimits> {
  const clients = await openBrokers(port);
  const raised = new Set<string>();
  const closed = new AbortController();
  const raising = (async () => {
    while (!closed.signal.aborted) {
      for (const client of clients) await raise(client, raised);
      await sleep(LOOK_MS, undefined, { signal: closed.signal }).catch(() => {});
    }
  })();
  return {
    close: async () => {
      closed.abort();
      await raising;
      for (const client of clients) client.destroy();
    },
  };
}

/** Each broker lists the groups that it coordinates. */
async function openBrokers(port: number): Promise<KafkaTestClient[]> {
  const first = await KafkaTestClient.open(port);
  const { brokers } = await first.request('Metadata', 9, { topics: [] });
  first.destroy();
  return Promise.all(brokers.map((broker) => KafkaTestClient.open(broker.port)));
}

async function raise(client: KafkaTestClient, raised: Set<string>): Promise<void> {
  const { groups } = await client.request('ListGroups', 5, { statesFilter: [], typesFilter: ['share'] });
  const found = groups.map(({ groupId }) => groupId).filter((group) => !raised.has(group));
  if (found.length === 0) return;
  const configs = [{ name: 'share.delivery.count.limit', configOperation: SET, value: DELIVERIES }];
  const resources = found.map((resourceName) => ({ resourceType: GROUP, resourceName, configs }));
  const { responses } = await client.request('IncrementalAlterConfigs', 1, { resources, validateOnly: false });
  const refused = responses.find(({ errorCode }) => errorCode !== 0);
  if (refused !== undefined) throw new Error(`${refused.resourceName}: ${refused.errorMessage}`);
  for (const group of found) raised.add(group);
}
