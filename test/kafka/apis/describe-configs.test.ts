import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { TOPIC_CONFIG_NAMES } from '../../../lib/log/topic/config.ts';
import { type GatewayWorldOptions, gatewayWorld } from '../support/gateway-world.ts';

const TOPIC = 2;
const BROKER = 4;

interface Asked {
  type?: number;
  name?: string;
  keys?: string[] | null;
  version?: number;
  includeSynonyms?: boolean;
  includeDocumentation?: boolean;
}

async function describer(options: GatewayWorldOptions = {}) {
  const world = await gatewayWorld(options);
  await createTopic(world.broker, { name: 't', config: { 'retention.ms': '1000', 'ledger.partitions': 8 } });
  const client = await world.connect();
  const ask = async ({ type = TOPIC, name = 't', keys = null, version = 4, ...rest }: Asked) => {
    const resources = [{ resourceType: type, resourceName: name, configurationKeys: keys }];
    const { results } = await client.request('DescribeConfigs', version, { resources, ...rest });
    return results[0];
  };
  const config = async (asked: Asked & { keys: [string] }) => (await ask(asked))?.configs[0];
  return { ask, config };
}

describe('DescribeConfigs', () => {
  it('answers all configs of a topic, those that were not set as defaults', async () => {
    const { ask } = await describer();
    const answer = await ask({});
    expect(answer).toMatchObject({ errorCode: 0, resourceType: TOPIC, resourceName: 't' });
    expect(answer?.configs.map(({ name }) => name)).toEqual(TOPIC_CONFIG_NAMES);
    const set = answer?.configs.filter(({ configSource }) => configSource !== 5);
    expect(set?.map(({ name, value, configSource }) => [name, value, configSource])).toEqual([
      ['ledger.partitions', '8', 1],
      ['retention.ms', '1000', 1],
    ]);
  });

  it('answers those asked for, and passes over names that are none', async () => {
    const { ask } = await describer();
    const answer = await ask({ keys: ['cleanup.policy', 'no.such.config'] });
    expect(answer?.configs).toMatchObject([{ name: 'cleanup.policy', value: 'delete', readOnly: false }]);
    expect((await ask({ keys: [] }))?.configs).toHaveLength(TOPIC_CONFIG_NAMES.length);
  });

  it('says what cannot be altered, and of what type a config is', async () => {
    const { config } = await describer();
    expect(await config({ keys: ['ledger.partitions'] })).toMatchObject({ readOnly: true, configType: 3 });
    expect(await config({ keys: ['cleanup.policy'] })).toMatchObject({ readOnly: false, configType: 7 });
    expect(await config({ keys: ['preallocate'] })).toMatchObject({ configType: 1 });
    expect(await config({ keys: ['min.cleanable.dirty.ratio'] })).toMatchObject({ configType: 6 });
  });

  it('answers synonyms and documentation where they are asked for', async () => {
    const { config } = await describer();
    const keys: [string] = ['retention.ms'];
    expect(await config({ keys })).toMatchObject({ synonyms: [], documentation: null });
    expect(await config({ keys, includeSynonyms: true, includeDocumentation: true })).toMatchObject({
      synonyms: [
        { name: 'retention.ms', value: '1000', source: 1 },
        { name: 'log.retention.hours', value: '168', source: 5 },
      ],
      documentation: expect.stringContaining('How long records are kept') as string,
    });
    expect(await config({ keys, version: 1, includeSynonyms: true })).toMatchObject({ value: '1000' });
  });

  it('answers the configs of a broker under the names that Kafka gives them', async () => {
    const { ask } = await describer({ brokers: 2, racks: ['a', 'b'], autoCreate: { enabled: false, partitions: 4 } });
    const answer = await ask({ type: BROKER, name: '2' });
    const byName = new Map(answer?.configs.map((config) => [config.name, config]));
    expect(byName.size).toBe(answer?.configs.length);
    const values = (...names: string[]) => names.map((name) => byName.get(name)?.value);
    expect(values('node.id', 'broker.rack', 'auto.create.topics.enable', 'num.partitions')).toEqual([
      '2',
      'b',
      'false',
      '4',
    ]);
    expect(values('default.replication.factor', 'min.insync.replicas', 'log.cleanup.policy')).toEqual([
      '1',
      '1',
      'delete',
    ]);
    expect(values('log.retention.ms', 'log.retention.hours', 'message.max.bytes')).toEqual([null, '168', '1048588']);
    expect(byName.get('num.partitions')).toMatchObject({ configSource: 4, readOnly: true });
    expect(byName.get('min.insync.replicas')).toMatchObject({ configSource: 5 });
  });

  it.each([
    ['group.initial.rebalance.delay.ms', { initialRebalanceDelayMs: 0 }, '0', '3000'],
    ['connections.max.reauth.ms', { sessionMsMax: 60_000 }, '60000', '0'],
  ])('answers %s as the process was told', async (name, told, value, standard) => {
    for (const [options, expected] of [
      [told, { value, configSource: 4 }],
      [{}, { value: standard, configSource: 5 }],
    ] as const) {
      const { ask } = await describer(options);
      const configs = (await ask({ type: BROKER, name: '1' }))?.configs;
      expect(configs?.find((config) => config.name === name)).toMatchObject(expected);
    }
  });

  it.each([
    ['a topic that is not there', { name: 'u' }, 3],
    ['a name that no topic can have', { name: 'no spaces' }, 17],
    ['a broker that is not there', { type: BROKER, name: '3' }, 42],
    ['a kind of resources that is none', { type: 99 }, 42],
  ])('refuses %s', async (_what, asked, code) => {
    const { ask } = await describer();
    expect(await ask(asked)).toMatchObject({ errorCode: code, configs: [] });
  });

  it.each([
    ['all brokers', BROKER, ''],
    ['loggers', 8, '1'],
    ['client metrics', 16, 'm'],
  ])('knows no configs of %s', async (_what, type, name) => {
    const { ask } = await describer();
    expect(await ask({ type, name })).toMatchObject({ errorCode: 0, configs: [] });
  });
});
