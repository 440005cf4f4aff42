import { expect, it } from 'vitest';
import { listGateways } from '../../../lib/broker/gateways/list-gateways.ts';
import { Cluster, type VirtualBroker } from '../../../lib/kafka/cluster.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { Announcing } from '../../../lib/local/kafka/announcing.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const { kafkaGatewayBeatMs: BEAT, kafkaGatewaySilenceMsMax: SILENCE, kafkaGatewayForgottenMs } = kafkaLimits;

function world() {
  const clock = new ManualClock();
  const stored = openSqliteMetadataStore({ path: ':memory:' });
  const random = seededRandom(1);
  const warnings: string[] = [];
  const gateway = (nodeId: number, options: { host?: string; metadata?: MetadataStore } = {}) => {
    const { host = `host-${nodeId}`, metadata = stored } = options;
    const own: VirtualBroker[] = [{ nodeId, host, port: 9_092, rack: null }];
    const cluster = new Cluster('id', own);
    const log = { warn: (message: string) => void warnings.push(message) };
    const announcing = new Announcing({ cluster, own, broker: { metadata, random }, clock, log });
    const named = () => cluster.nodes.map((node) => node.nodeId);
    return { announcing, named, cluster };
  };
  return { clock, stored, gateway, warnings };
}

/** A store that can be cut off. */
function cut(store: MetadataStore): MetadataStore & { isCut: boolean } {
  const refuse = () => Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'There is no way to the table.'));
  return {
    isCut: false,
    get: (...args) => store.get(...args),
    close: () => store.close(),
    query(...args) {
      return this.isCut ? refuse() : store.query(...args);
    },
    write(...args) {
      return this.isCut ? refuse() : store.write(...args);
    },
  };
}

it('names gateways to each other as they come and take leave', async () => {
  const { clock, gateway, warnings } = world();
  const [two, one] = [gateway(2), gateway(1)];
  await two.announcing.begin();
  await one.announcing.begin();
  expect(one.named()).toEqual([1, 2]);
  await clock.advance(BEAT);
  expect(two.named()).toEqual([1, 2]);
  expect(two.cluster.coordinatorOf('g')).toEqual(one.cluster.coordinatorOf('g'));
  await one.announcing.close();
  await clock.advance(BEAT);
  expect(two.named()).toEqual([2]);
  await two.announcing.close();
  expect(clock.sleeping).toBe(0);
  expect(warnings).toEqual([]);
});

it('names one that has fallen silent no more, and again when it is back', async () => {
  const { clock, stored, gateway, warnings } = world();
  const metadata = cut(stored);
  const [one, two] = [gateway(1), gateway(2, { metadata })];
  await one.announcing.begin();
  await two.announcing.begin();
  await clock.advance(BEAT);
  metadata.isCut = true;
  // Its last beat was seen a beat ago at most, and the next look is as far away.
  await clock.advance(SILENCE + 2 * BEAT);
  expect(one.named()).toEqual([1]);
  // It knows no better, and its clients have nobody else to go to.
  expect(two.named()).toEqual([1, 2]);
  expect(warnings).toEqual(['Other gateways are not told of this one: There is no way to the table.']);
  metadata.isCut = false;
  await clock.advance(2 * BEAT);
  expect(one.named()).toEqual([1, 2]);
  await two.announcing.close();
  await one.announcing.close();
});

it('takes the place of one that was killed under its id, and warns of one that is there at another address', async () => {
  const { clock, gateway, warnings } = world();
  const killed = gateway(1);
  await killed.announcing.begin();
  await gateway(1).announcing.begin();
  expect(warnings).toEqual([]);
  const twin = gateway(1, { host: 'elsewhere' });
  await twin.announcing.begin();
  expect(warnings).toEqual([
    'Another gateway is the broker 1 as well, at host-1:9092: give each a --kafka-node-id of its own',
  ]);
  expect(twin.named()).toEqual([1]);
  await clock.advance(0);
});

it('forgets after a day what a killed one has said of itself', async () => {
  const { clock, stored, gateway } = world();
  const killed = cut(stored);
  const dead = gateway(7, { metadata: killed });
  await dead.announcing.begin();
  killed.isCut = true;
  await clock.advance(kafkaGatewayForgottenMs);
  expect(await listGateways({ metadata: stored })).toHaveLength(1);
  const one = gateway(1);
  await clock.advance(BEAT);
  await one.announcing.begin();
  expect((await listGateways({ metadata: stored })).map(({ brokers }) => brokers[0]?.nodeId)).toEqual([1]);
  await one.announcing.close();
  await dead.announcing.close();
});
