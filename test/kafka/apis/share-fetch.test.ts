import { describe, expect, it } from 'vitest';
import { deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { batchOf } from '../../support/broker.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type GatewayWorld, gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import { ackOf, ShareMember } from '../support/share-member.ts';
import { twoGateways } from '../support/two-gateways.ts';

const codes = {
  kafkaStorageError: 56,
  invalidRequest: 42,
  unknownTopicOrPartition: 3,
  unknownTopicId: 100,
  invalidRecordState: 121,
  sessionNotFound: 122,
  invalidSessionEpoch: 123,
};
const ACCEPT = 1;
const RELEASE = 2;
const REJECT = 3;
const RENEW = 4;
const LOCK_MS = 30_000;

function byFirst([a]: readonly unknown[], [b]: readonly unknown[]): number {
  return Number(a) - Number(b);
}

function produce({ broker }: Pick<GatewayWorld, 'broker'>, values: string[], partition = 0) {
  return produceBatches(broker, { topic: 't', partition, batches: batchOf(...values), acks: 'all' });
}

/** A topic, and members that have each begun a session at the end of its log. */
async function world({
  members = ['a'],
  partitions = 1,
  clock,
}: {
  members?: string[];
  partitions?: number;
  clock?: ManualClock;
} = {}) {
  const made = await gatewayWorld(clock === undefined ? {} : { clock, broker: memoryBroker(clock) });
  const { topicId } = await createTopic(made.broker, { name: 't', partitions });
  const joined: ShareMember[] = [];
  for (const memberId of members) {
    const member = new ShareMember(await made.connect(), { memberId, topicId });
    await member.fetch({ partitions: Array.from({ length: partitions }, (_, at) => at) });
    joined.push(member);
  }
  const [first, second] = joined as [ShareMember, ShareMember];
  return { ...made, topicId, first, second };
}

describe('records', () => {
  it('are given to one member at a time, from the end of the log on', async () => {
    const made = await gatewayWorld();
    const { topicId } = await createTopic(made.broker, { name: 't', partitions: 1 });
    await produce(made, ['before']);
    const a = new ShareMember(await made.connect(), { memberId: 'a', topicId });
    const b = new ShareMember(await made.connect(), { memberId: 'b', topicId });
    expect((await a.fetch({ partitions: [0] })).partitions).toMatchObject([{ errorCode: 0, offsets: [] }]);
    await produce(made, ['x', 'y']);
    await produce(made, ['z']);
    const got = await a.fetch();
    expect(got.partitions).toMatchObject([{ offsets: [1, 2, 3], values: ['x', 'y', 'z'], deliveries: [1, 1, 1] }]);
    expect((await b.fetch({ partitions: [0] })).partitions).toMatchObject([{ offsets: [] }]);
    await produce(made, ['later']);
    expect((await b.fetch()).partitions).toMatchObject([{ offsets: [4], values: ['later'] }]);
  });

  it('go to others when they are released, and to nobody when they are accepted or rejected', async () => {
    const made = await world({ members: ['a', 'b'] });
    const { first: a, second: b } = made;
    await produce(made, ['0', '1', '2', '3']);
    await a.fetch();
    const acks = [...ackOf(0, 0, ACCEPT), ...ackOf(1, 3, RELEASE, REJECT, RELEASE)];
    expect(await a.acknowledge({ 0: acks })).toEqual({ errorCode: 0, codes: [0] });
    const again = await b.fetch();
    expect(again.partitions).toMatchObject([{ offsets: [1, 3], deliveries: [2, 2], values: ['1', '3'] }]);
    expect((await b.acknowledge({ 0: [...ackOf(1, 1, ACCEPT), ...ackOf(3, 3, ACCEPT)] })).codes).toEqual([0]);
    expect((await a.fetch()).partitions).toEqual([]);
  });

  it('go to others when their lock is over, and are archived when they were delivered as often as they may be', async () => {
    const clock = new ManualClock();
    const made = await world({ members: ['a', 'b'], clock });
    const { first: a, second: b } = made;
    await produce(made, ['poison']);
    const deliveries: number[] = [];
    for (let turn = 0; turn < 7; turn++) {
      const got = await (turn % 2 === 0 ? a : b).fetch();
      deliveries.push(...got.partitions.flatMap((each) => each.deliveries));
      expect((await (turn % 2 === 0 ? b : a).fetch()).partitions).toEqual([]);
      await clock.advance(LOCK_MS);
    }
    expect(deliveries).toEqual([1, 2, 3, 4, 5]);
    await produce(made, ['next']);
    expect((await a.fetch()).partitions).toMatchObject([{ values: ['next'] }]);
  });

  it('stay with who renews them, and cannot be acknowledged by who comes late', async () => {
    const clock = new ManualClock();
    const made = await world({ members: ['a', 'b'], clock });
    const { first: a, second: b } = made;
    await produce(made, ['0', '1']);
    await a.fetch();
    await clock.advance(LOCK_MS - 1_000);
    expect((await a.fetch({ renews: true, acks: { 0: ackOf(1, 1, RENEW) } })).partitions).toMatchObject([
      { acknowledgeErrorCode: 0 },
    ]);
    await clock.advance(2_000);
    expect((await b.fetch()).partitions).toMatchObject([{ offsets: [0] }]);
    expect((await a.acknowledge({ 0: ackOf(0, 1, ACCEPT) })).codes).toEqual([codes.invalidRecordState]);
    expect((await a.acknowledge({ 0: ackOf(1, 1, ACCEPT) })).codes).toEqual([0]);
    expect((await b.acknowledge({ 0: ackOf(0, 0, ACCEPT) })).codes).toEqual([0]);
  });

  it('come as soon as they are there, where a member waits for them', async () => {
    const made = await world();
    const waiting = made.first.fetch({ waitMs: 10_000 });
    await produce(made, ['now']);
    expect((await waiting).partitions).toMatchObject([{ values: ['now'] }]);
  });

  it('come as soon as another member has released them', async () => {
    const made = await world({ members: ['a', 'b'] });
    await produce(made, ['x']);
    await made.first.fetch();
    const waiting = made.second.fetch({ waitMs: 10_000 });
    await made.first.acknowledge({ 0: ackOf(0, 0, RELEASE) });
    expect((await waiting).partitions).toMatchObject([{ values: ['x'], deliveries: [2] }]);
  });

  it('are as many as asked for where the member says exactly, and up to the end of a batch otherwise', async () => {
    const made = await world({ members: ['a', 'b'] });
    await produce(made, ['0', '1', '2']);
    await produce(made, ['3', '4']);
    expect((await made.first.fetch({ maxRecords: 2, strict: true })).partitions).toMatchObject([
      { offsets: [0, 1], values: ['0', '1'] },
    ]);
    expect((await made.second.fetch({ maxRecords: 2 })).partitions).toMatchObject([{ offsets: [2, 3, 4] }]);
  });

  it('are none where no bytes are asked for, and one batch however large it is otherwise', async () => {
    const made = await world();
    await produce(made, ['0', '1']);
    expect((await made.first.fetch({ maxBytes: 0 })).partitions).toEqual([]);
    expect((await made.first.fetch({ maxBytes: 1 })).partitions).toMatchObject([{ offsets: [0, 1] }]);
  });

  it('of several partitions come in one answer', async () => {
    const made = await world({ partitions: 3 });
    for (const partition of [0, 1, 2]) await produce(made, [`p${partition}`], partition);
    const { partitions } = await made.first.fetch();
    expect(partitions.map(({ partition, values }) => [partition, values]).toSorted(byFirst)).toEqual([
      [0, ['p0']],
      [1, ['p1']],
      [2, ['p2']],
    ]);
  });

  it('that are deleted are passed over', async () => {
    const made = await world();
    await produce(made, ['0']);
    await produce(made, ['1']);
    await deleteRecords(made.broker, {
      topic: 't',
      partitions: [{ partition: 0, before: { at: 'offset', offset: 1 } }],
    });
    expect((await made.first.fetch()).partitions).toMatchObject([{ offsets: [1], values: ['1'] }]);
  });
});

describe('acknowledgements', () => {
  it('go with the next fetch, which is answered with what became of them', async () => {
    const made = await world();
    await produce(made, ['0']);
    await made.first.fetch();
    await produce(made, ['1']);
    const next = await made.first.fetch({ acks: { 0: ackOf(0, 0, ACCEPT) } });
    expect(next.partitions).toMatchObject([{ offsets: [1], acknowledgeErrorCode: 0 }]);
    const twice = await made.first.fetch({ acks: { 0: ackOf(1, 1, ACCEPT) } });
    expect(twice.partitions).toMatchObject([{ offsets: [], acknowledgeErrorCode: 0 }]);
  });

  it.each([
    ['of records that nobody has', ackOf(0, 9, ACCEPT), codes.invalidRequest],
    ['with types that there are not', ackOf(0, 0, 9), codes.invalidRequest],
    ['that renew where the request does not say so', ackOf(0, 0, RENEW), codes.invalidRequest],
    ['with too few types', ackOf(0, 1, ACCEPT, ACCEPT, ACCEPT), codes.invalidRequest],
    ['that go backwards', [...ackOf(1, 1, ACCEPT), ...ackOf(0, 0, ACCEPT)], codes.invalidRequest],
    ['that are made twice', [...ackOf(0, 0, ACCEPT), ...ackOf(0, 0, ACCEPT)], codes.invalidRecordState],
  ])('%s are refused, all of them', async (_which, acks, code) => {
    const made = await world();
    await produce(made, ['0', '1']);
    await made.first.fetch();
    expect((await made.first.acknowledge({ 0: acks })).codes).toEqual([code]);
    expect((await made.first.acknowledge({ 0: ackOf(0, 1, ACCEPT) })).codes).toEqual([0]);
  });

  it('of a topic or partition that is not there are refused by themselves', async () => {
    const made = await world();
    await produce(made, ['0']);
    await made.first.fetch();
    expect((await made.first.acknowledge({ 0: ackOf(0, 0, ACCEPT), 7: ackOf(0, 0, ACCEPT) })).codes).toEqual([
      0,
      codes.unknownTopicOrPartition,
    ]);
    const stranger = new ShareMember(await made.connect(), { memberId: 'a', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' });
    stranger.sessionEpoch = made.first.sessionEpoch;
    expect((await stranger.acknowledge({ 0: ackOf(0, 0, ACCEPT) })).codes).toEqual([codes.unknownTopicId]);
  });
});

describe('a session', () => {
  it('counts its requests, and is not there for who has not begun it', async () => {
    const { first, connect, topicId } = await world();
    expect((await first.fetch({ epoch: 7 })).errorCode).toBe(codes.invalidSessionEpoch);
    expect((await first.acknowledge({}, { epoch: 0 })).errorCode).toBe(codes.invalidSessionEpoch);
    const other = new ShareMember(await connect(), { memberId: 'other', topicId });
    expect((await other.fetch({ epoch: 1 })).errorCode).toBe(codes.sessionNotFound);
    expect((await other.fetch({ epoch: -1 })).errorCode).toBe(codes.sessionNotFound);
    expect((await other.fetch({ epoch: 0, acks: { 0: ackOf(0, 0, ACCEPT) } })).errorCode).toBe(codes.invalidRequest);
  });

  it('gives back what its member holds when it ends, after what the member says with its last request', async () => {
    const made = await world({ members: ['a', 'b'] });
    await produce(made, ['0', '1']);
    await made.first.fetch();
    const last = await made.first.fetch({ epoch: -1, acks: { 0: ackOf(0, 0, ACCEPT) } });
    expect(last.partitions).toMatchObject([{ acknowledgeErrorCode: 0 }]);
    expect((await made.second.fetch()).partitions).toMatchObject([{ offsets: [1], deliveries: [2] }]);
    expect((await made.first.fetch({ epoch: 2 })).errorCode).toBe(codes.sessionNotFound);
  });

  it('ends with its connection', async () => {
    const made = await world({ members: ['a', 'b'] });
    await produce(made, ['0']);
    await made.first.fetch();
    const waiting = made.second.fetch({ waitMs: 10_000 });
    made.first.client.destroy();
    expect((await waiting).partitions).toMatchObject([{ offsets: [0], deliveries: [2] }]);
  });

  it('is each virtual broker’s own', async () => {
    const made = await gatewayWorld({ brokers: 2 });
    const { topicId } = await createTopic(made.broker, { name: 't', partitions: 1 });
    const [one, two] = made.cluster.nodes.map(({ port }) => port);
    const a = new ShareMember(await made.connect(one), { memberId: 'a', topicId });
    await a.fetch({ partitions: [0] });
    const there = new ShareMember(await made.connect(two), { memberId: 'a', topicId });
    expect((await there.fetch({ epoch: 1 })).errorCode).toBe(codes.sessionNotFound);
    expect((await there.fetch({ partitions: [0] })).errorCode).toBe(0);
    expect((await a.fetch()).errorCode).toBe(0);
  });
});

describe('two processes', () => {
  it('give no record to two members, and take acknowledgements of what the other one gave', async () => {
    const [one, two] = await twoGateways();
    const { topicId } = await createTopic(one.broker, { name: 't', partitions: 1 });
    const a = new ShareMember(await one.connect(), { memberId: 'a', topicId });
    const b = new ShareMember(await two.connect(), { memberId: 'b', topicId });
    await a.fetch({ partitions: [0] });
    await b.fetch({ partitions: [0] });
    for (const value of ['0', '1', '2', '3', '4', '5']) await produce(one, [value]);
    const got = await Promise.all([
      a.fetch({ maxRecords: 3, waitMs: 2_000 }),
      b.fetch({ maxRecords: 3, waitMs: 2_000 }),
    ]);
    const offsets = got.flatMap(({ partitions }) => partitions.flatMap((each) => each.offsets));
    expect(offsets.toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5]);
    // Its client has lost the connection, and goes on with the other process.
    const moved = new ShareMember(await two.connect(), { memberId: 'a', topicId });
    expect((await moved.fetch({ epoch: a.sessionEpoch })).errorCode).toBe(codes.sessionNotFound);
    await moved.fetch({ partitions: [0] });
    const own = got[0].partitions[0]?.offsets ?? [];
    const acks = own.flatMap((offset) => ackOf(offset, offset, ACCEPT));
    expect((await moved.acknowledge({ 0: acks })).codes).toEqual([0]);
  });
});

it('is told that storage fails by the one code that clients wait after', async () => {
  const made = await world();
  await produce(made, ['x']);
  const { metadata } = made.broker;
  const write = metadata.write.bind(metadata);
  metadata.write = () => Promise.reject(new MillraceError('REQUEST_TIMED_OUT', 'too slow'));
  expect((await made.first.fetch()).partitions).toMatchObject([{ errorCode: codes.kafkaStorageError, offsets: [] }]);
  metadata.write = write;
  expect((await made.first.fetch()).partitions).toMatchObject([{ errorCode: 0, values: ['x'] }]);
});
