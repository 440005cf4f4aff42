import { beforeEach, describe, expect, test } from 'vitest';
import { describeGroup } from '../../../lib/broker/groups/describe-group.ts';
import type { PolledPartition } from '../../../lib/broker/groups/poll.ts';
import { commitDelivered, commitInstance } from '../../../lib/broker/instances/commit-instance.ts';
import { createInstance } from '../../../lib/broker/instances/create-instance.ts';
import { deleteInstance } from '../../../lib/broker/instances/delete-instance.ts';
import { pollInstance } from '../../../lib/broker/instances/poll-instance.ts';
import { seekInstance } from '../../../lib/broker/instances/seek-instance.ts';
import { readInstance } from '../../../lib/broker/instances/store.ts';
import {
  assignInstance,
  subscribeInstance,
  unsubscribeInstance,
} from '../../../lib/broker/instances/subscribe-instance.ts';
import { instancesOf } from '../../../lib/coordination/groups/instance-item.ts';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { lost, type Process } from '../../support/broker.ts';
import { committed, GROUP, type GroupWorld, groupWorld, produce } from '../../support/group-consumers.ts';

const ID = { group: GROUP, name: 'one' };
const SETTINGS = { format: 'text', reset: 'earliest', autoCommit: true } as const;
const authorize = () => {};

let world: GroupWorld;
let here: Process;
let there: Process;

beforeEach(async () => {
  world = await groupWorld({ partitions: 1 });
  [here, there] = world.processes;
});

async function subscribed(name = 'one', settings: object = {}): Promise<void> {
  const created = await createInstance(here.broker, { group: GROUP, name, settings: { ...SETTINGS, ...settings } });
  expect(created).toEqual({ outcome: 'created', name });
  await subscribeInstance(here.broker, { group: GROUP, name }, { names: ['t'] });
}

function valuesOf(partitions: readonly PolledPartition[]): string[] {
  return partitions.flatMap(({ records }) => records.map(({ value }) => utf8Text(value as Uint8Array) as string));
}

const all = (partitions: readonly PolledPartition[]) => ({
  nextOffsets: partitions.map(({ nextOffset }) => nextOffset),
  answer: valuesOf(partitions),
});

interface Asked {
  name?: string;
  take?: typeof all;
  /** What happens after the instance was read and before it is polled. */
  meanwhile?: () => Promise<unknown>;
}

async function ask({ broker }: Process, { name = 'one', take = all, meanwhile }: Asked = {}) {
  const id = { group: GROUP, name };
  const instance = await readInstance(broker, id);
  await meanwhile?.();
  const request = { waitMs: 0, maxRecords: 100, maxBytes: 10_000, authorize, take };
  return pollInstance(broker, { id, instance }, request);
}

async function values(process: Process, asked: Asked = {}): Promise<string[]> {
  const result = await ask(process, asked);
  if (result.outcome !== 'delivered') throw new Error(result.outcome);
  return result.answer;
}

/** Applies the next write of an instance and loses its answer. */
function loseNextAnswer(process: Process): void {
  process.metadata.onWrite = async (proceed, writes: readonly Write[]) => {
    if (writes[0]?.key.pk !== instancesOf(GROUP)) return proceed();
    delete process.metadata.onWrite;
    await proceed();
    throw lost();
  };
}

/** A poll that joins, and of which the instance never hears. */
async function breakOff(process: Process): Promise<void> {
  process.metadata.onWrite = async (proceed, writes: readonly Write[]) => {
    if (writes[0]?.key.pk === instancesOf(GROUP)) throw lost();
    return proceed();
  };
  await expect(ask(process)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  delete process.metadata.onWrite;
}

const members = async () => (await describeGroup(there.broker, GROUP)).members.size;

describe('an instance', () => {
  test('goes on in whichever process gets its next request', async () => {
    await subscribed();
    await produce(here, 0, 'a', 'b');
    expect(await values(here)).toEqual(['a', 'b']);
    await produce(here, 0, 'c');
    expect(await values(there)).toEqual(['c']);
    expect(await committed(there)).toEqual({ 0: 2 });
    await deleteInstance(there.broker, ID);
    expect(await committed(here)).toEqual({ 0: 3 });
    await expect(readInstance(here.broker, ID)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await describeGroup(here.broker, GROUP)).members.size).toBe(0);
  });

  test('goes only as far as was taken', async () => {
    await subscribed();
    await produce(here, 0, 'a', 'b');
    const first = (partitions: readonly PolledPartition[]) => ({ nextOffsets: partitions.map(() => 1), answer: ['a'] });
    expect(await values(here, { take: first })).toEqual(['a']);
    expect(await values(there)).toEqual(['b']);
  });

  test('stays where it is if nothing can be taken, and stays the member that it has become', async () => {
    await subscribed();
    await produce(here, 0, 'a');
    const refuse = () => {
      throw new Error('not to be delivered');
    };
    await expect(ask(here, { take: refuse })).rejects.toThrow('not to be delivered');
    expect(await values(there)).toEqual(['a']);
    expect((await describeGroup(here.broker, GROUP)).members.size).toBe(1);
  });

  test('delivers each record to one of two polls at once; the other delivers nothing', async () => {
    await subscribed();
    await values(here);
    await produce(here, 0, 'a', 'b');
    const overtaking: string[][] = [];
    const result = await ask(here, { meanwhile: async () => overtaking.push(await values(there)) });
    expect(overtaking).toEqual([['a', 'b']]);
    expect(result).toEqual({ outcome: 'overtaken' });
    expect(await values(here)).toEqual([]);
    expect((await describeGroup(here.broker, GROUP)).members.size).toBe(1);
  });

  test('that two polls at once make join leaves the group once', async () => {
    await subscribed();
    const result = await ask(here, { meanwhile: () => values(there) });
    expect(result).toEqual({ outcome: 'overtaken' });
    expect((await describeGroup(here.broker, GROUP)).members.size).toBe(1);
    expect(await values(here)).toEqual([]);
  });

  test('finds its member where a poll that joined was broken off', async () => {
    await subscribed();
    await produce(here, 0, 'a');
    await breakOff(here);
    expect(await members()).toBe(1);
    expect(await values(there)).toEqual(['a']);
    expect(await members()).toBe(1);
  });

  test('leaves with the member of a poll that was broken off', async () => {
    await subscribed();
    await breakOff(here);
    await deleteInstance(there.broker, ID);
    expect(await members()).toBe(0);
    await subscribed();
    await breakOff(here);
    await unsubscribeInstance(there.broker, ID);
    expect(await members()).toBe(0);
  });

  test('delivers what it read although the answer to its own write was lost', async () => {
    await subscribed();
    await produce(here, 0, 'a');
    loseNextAnswer(here);
    expect(await values(here)).toEqual(['a']);
    expect(await values(there)).toEqual([]);
  });

  test('joins anew where its member was away for too long', async () => {
    await subscribed('one', { autoCommit: false });
    await produce(here, 0, 'a');
    expect(await values(here)).toEqual(['a']);
    // The member's session is over, and another takes its partition; the instance itself is in use.
    await here.clock.advance(groupLimits.instanceTimeoutMs - 1_000);
    await commitInstance(here.broker, ID, { offsets: [], authorize });
    await subscribed('two', { autoCommit: false });
    for (let seconds = 0; seconds < 290; seconds += 6) {
      await here.clock.advance(6_000);
      await values(there, { name: 'two' });
    }
    expect((await describeGroup(here.broker, GROUP)).members.size).toBe(1);
    expect(await values(here)).toEqual([]);
    await deleteInstance(here.broker, { group: GROUP, name: 'two' });
    expect(await values(here)).toEqual(['a']);
  });

  test('is created once, also where the answer was lost', async () => {
    loseNextAnswer(here);
    expect(await createInstance(here.broker, { ...ID, settings: SETTINGS })).toEqual({
      outcome: 'created',
      name: 'one',
    });
    expect(await createInstance(there.broker, { ...ID, settings: SETTINGS })).toEqual({
      outcome: 'taken',
      name: 'one',
    });
  });

  test('is deleted once, also where the answer was lost', async () => {
    await subscribed();
    await values(here);
    loseNextAnswer(here);
    await deleteInstance(here.broker, ID);
    await expect(deleteInstance(there.broker, ID)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('the timeout of instances', () => {
  test('begins anew with every use, and then they are gone and their name is free', async () => {
    await subscribed();
    for (let minutes = 0; minutes < 12; minutes += 4) {
      await here.clock.advance(4 * 60_000);
      expect(await values(there)).toEqual([]);
    }
    await here.clock.advance(4 * 60_000);
    await commitDelivered(here.broker, ID, { authorize });
    await here.clock.advance(groupLimits.instanceTimeoutMs);
    await readInstance(here.broker, ID);
    await here.clock.advance(1);
    for (const gone of [readInstance(here.broker, ID), deleteInstance(here.broker, ID), ask(here)]) {
      await expect(gone).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await createInstance(here.broker, { ...ID, settings: SETTINGS })).toMatchObject({ outcome: 'created' });
    expect(await ask(here)).toEqual({ outcome: 'nothing-subscribed' });
  });

  test('has old ones cleared away when one of their group is created', async () => {
    for (const name of ['a', 'b']) await createInstance(here.broker, { group: GROUP, name, settings: SETTINGS });
    await here.clock.advance(groupLimits.instanceTimeoutMs);
    await createInstance(here.broker, { group: GROUP, name: 'c', settings: SETTINGS });
    await here.clock.advance(1);
    await createInstance(here.broker, { group: GROUP, name: 'd', settings: SETTINGS });
    const { items } = await world.stores.metadata.query({ pk: instancesOf(GROUP), limit: 10, consistency: 'strong' });
    expect(items.map(({ key }) => key.sk)).toEqual(['c', 'd']);
  });
});

describe('what an instance consumes', () => {
  test('is changed by one request while another polls, and the poll delivers nothing', async () => {
    await subscribed();
    await produce(here, 0, 'a');
    const result = await ask(here, { meanwhile: () => unsubscribeInstance(there.broker, ID) });
    expect(result).toEqual({ outcome: 'overtaken' });
    expect(await ask(here)).toEqual({ outcome: 'nothing-subscribed' });
    expect((await describeGroup(here.broker, GROUP)).members.size).toBe(0);
  });

  test('is sought between two polls, and what was sought is where it goes on', async () => {
    await subscribed();
    await produce(here, 0, 'a', 'b', 'c');
    await values(here);
    const seek = async (offset: number) => seekInstance(there.broker, ID, [{ topic: 't', partition: 0, to: offset }]);
    expect(await seek(1)).toEqual({ outcome: 'done' });
    expect(await values(here)).toEqual(['b', 'c']);
    const result = await ask(here, { meanwhile: () => seek(0) });
    expect(result).toEqual({ outcome: 'overtaken' });
    expect(await values(here)).toEqual(['a', 'b', 'c']);
  });

  test('may be partitions that its client assigns, beside a group with members', async () => {
    await subscribed('member');
    await values(here, { name: 'member' });
    await createInstance(here.broker, { ...ID, settings: SETTINGS });
    await assignInstance(here.broker, ID, [{ topic: 't', partition: 0 }]);
    await produce(here, 0, 'a');
    expect(await values(here)).toEqual(['a']);
    // The group's offsets are its members' affair: this is told to the log, as in Kafka's consumer.
    expect(await values(there)).toEqual([]);
    expect(there.logged.map(({ message }) => message)).toEqual([
      'offsets of a consumer instance could not be committed',
    ]);
    await expect(
      commitInstance(here.broker, ID, { authorize, offsets: [{ topic: 't', partition: 0, offset: 1 }] }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });

  test('keeps its positions when more is assigned', async () => {
    await createInstance(here.broker, { ...ID, settings: SETTINGS });
    await assignInstance(here.broker, ID, [{ topic: 't', partition: 0 }]);
    await produce(here, 0, 'a');
    expect(await values(here)).toEqual(['a']);
    expect(await assignInstance(there.broker, ID, [{ topic: 't', partition: 0 }])).toBe('done');
    expect(await values(here)).toEqual([]);
    await expect(assignInstance(here.broker, ID, [{ topic: 't', partition: 1 }])).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
  });
});
