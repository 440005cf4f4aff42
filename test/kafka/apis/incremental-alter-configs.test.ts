import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

const TOPIC = 2;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3] as const;

type Change = [name: string, operation: number, value: string | null];

async function altering(config = {}) {
  const world = await gatewayWorld();
  await createTopic(world.broker, { name: 't', config });
  const client = await world.connect();
  const resource = (changes: Change[], resourceType = TOPIC, resourceName = 't') => ({
    resourceType,
    resourceName,
    configs: changes.map(([name, configOperation, value]) => ({ name, configOperation, value })),
  });
  const send = async (resources: ReturnType<typeof resource>[], validateOnly = false) =>
    (await client.request('IncrementalAlterConfigs', 1, { resources, validateOnly })).responses.map(
      ({ errorCode }) => errorCode,
    );
  const alter = async (...changes: Change[]) => (await send([resource(changes)]))[0];
  const overrides = async () => (await world.broker.topics.getFresh('t')).overrides;
  return { alter, send, resource, overrides };
}

describe('IncrementalAlterConfigs', () => {
  it('sets and resets what is named, and leaves the rest', async () => {
    const { alter, overrides } = await altering({ 'retention.ms': '1', 'flush.ms': '2' });
    expect(await alter(['retention.ms', SET, '5'], ['flush.ms', DELETE, null], ['segment.bytes', SET, '2000000'])).toBe(
      0,
    );
    expect(await overrides()).toEqual({ 'retention.ms': '5', 'segment.bytes': '2000000' });
  });

  it('adds to lists and takes from them, from the default on', async () => {
    const { alter, overrides } = await altering();
    expect(await alter(['cleanup.policy', APPEND, 'compact'])).toBe(0);
    expect(await overrides()).toEqual({ 'cleanup.policy': 'delete,compact' });
    expect(await alter(['cleanup.policy', APPEND, 'compact'])).toBe(0);
    expect(await alter(['cleanup.policy', SUBTRACT, 'delete'])).toBe(0);
    expect(await overrides()).toEqual({ 'cleanup.policy': 'compact' });
    expect(await alter(['follower.replication.throttled.replicas', APPEND, '0:1,1:2'])).toBe(0);
    expect(await overrides()).toMatchObject({ 'follower.replication.throttled.replicas': '0:1,1:2' });
  });

  it.each<[string, Change[], number]>([
    ['adding to what is no list', [['retention.ms', APPEND, '5']], 40],
    ['adding to what is no config', [['no.such.config', APPEND, '5']], 40],
    ['adding what the list does not take', [['cleanup.policy', APPEND, 'burn']], 40],
    ['a config that is none', [['no.such.config', SET, '5']], 40],
    ['a value that is none', [['retention.ms', SET, 'x']], 40],
    ['no value', [['retention.ms', SET, null]], 42],
    ['a kind of alteration that is none', [['retention.ms', 9, '5']], 42],
    [
      'a config that is named twice',
      [
        ['retention.ms', SET, '5'],
        ['retention.ms', DELETE, null],
      ],
      42,
    ],
    ['what is fixed at creation', [['ledger.partitions', SET, '1']], 40],
  ])('refuses %s, and changes nothing', async (_what, changes, code) => {
    const { alter, overrides } = await altering();
    expect(await alter(['flush.ms', SET, '7'], ...changes)).toBe(code);
    expect(await overrides()).toEqual({});
  });

  it('resets what is not set by doing nothing, whatever its name', async () => {
    const { alter, overrides } = await altering({ 'flush.ms': '2' });
    const unset: Change[] = ['ledger.partitions', 'message.format.version', 'retention.ms'].map((name) => [
      name,
      DELETE,
      null,
    ]);
    expect(await alter(...unset, ['flush.messages', SET, '9'])).toBe(0);
    expect(await overrides()).toEqual({ 'flush.ms': '2', 'flush.messages': '9' });
  });

  it('only says whether it could, where it is asked to', async () => {
    const { send, resource, overrides } = await altering();
    expect(await send([resource([['retention.ms', SET, '5']])], true)).toEqual([0]);
    expect(await send([resource([['retention.ms', SET, 'x']])], true)).toEqual([40]);
    expect(await overrides()).toEqual({});
  });

  it('alters each resource for itself, and neither brokers nor loggers', async () => {
    const { send, resource, overrides } = await altering();
    const set: Change[] = [['retention.ms', SET, '5']];
    const codes = await send([
      resource(set),
      resource(set, TOPIC, 'u'),
      resource([['log.retention.ms', SET, '5']], 4, '1'),
      resource([['kafka', SET, 'DEBUG']], 8, '1'),
      resource(set, 32, 'no config of a group'),
      resource(set, TOPIC, 'twice'),
      resource(set, TOPIC, 'twice'),
    ]);
    expect(codes).toEqual([0, 3, 42, 42, 40, 42]);
    expect(await overrides()).toEqual({ 'retention.ms': '5' });
  });
});
