import { expect, it } from 'vitest';
import type { DeserializationError } from '../../../lib/client/consumer/record.ts';
import type { ConsumerState } from '../../../lib/client/consumer/step.ts';
import { json } from '../../../lib/client/producer/serializers.ts';
import { consumerWorld } from './consumer-world.ts';

/** As it would come out of a cookie or a table. */
function saved(state: ConsumerState): ConsumerState {
  return JSON.parse(JSON.stringify(state)) as ConsumerState;
}

it('goes on from the state of the step before, and commits what that returned', async () => {
  const { fake, consumer, clock, settled } = consumerWorld({ maxRecords: 2 });
  fake.write('orders/0', 'a', 'b', 'c');
  const first = await settled(consumer.poll());
  expect(first.records.map(({ value }) => value)).toEqual(['a', 'b']);
  expect(first.assignment).toEqual([{ topic: 'orders', partition: 0 }]);
  expect(fake.commits).toEqual([]);
  const second = await settled(consumer.poll({ state: saved(first.state), maxRecords: 5 }));
  expect(second.records.map(({ value }) => value)).toEqual(['c']);
  expect(fake.commits).toEqual(['orders/0@2']);
  expect(clock.sleeping).toBe(0);
});

it('returns the same records again for a state that was used before', async () => {
  const { fake, consumer, settled } = consumerWorld();
  fake.write('orders/0', 'a');
  const { state } = await settled(consumer.poll({ maxRecords: 1 }));
  fake.write('orders/0', 'b');
  const once = await settled(consumer.poll({ state }));
  const again = await settled(consumer.poll({ state }));
  expect(again.records.map(({ offset }) => offset)).toEqual(once.records.map(({ offset }) => offset));
});

it('commits by record where commits are manual', async () => {
  const { fake, consumer, settled } = consumerWorld({ commit: 'manual' });
  fake.write('orders/0', 'a', 'b');
  const { records, state } = await settled(consumer.poll());
  await settled(records[0]?.commit() ?? Promise.resolve());
  await settled(consumer.poll({ state, waitMs: 0 }));
  expect(fake.commits).toEqual(['orders/0@1']);
});

it('joins anew where the state is of a member that is no more, and says so', async () => {
  const { fake, consumer, settled } = consumerWorld();
  fake.write('orders/0', 'a');
  const { state } = await settled(consumer.poll());
  fake.expire(state.member);
  const step = await settled(consumer.poll({ state }));
  expect(step).toMatchObject({ lost: { code: 'UNKNOWN_MEMBER_ID' }, state: { member: 'm-2' } });
  expect(step.records.map(({ value }) => value)).toEqual(['a']);
});

it('rejects with a record that is not to be deserialized, or leaves it out and says which', async () => {
  const { fake, consumer, settled } = consumerWorld({ valueDeserializer: json<number>() });
  fake.write('orders/0', '1', 'two', '3');
  const failure = await settled(consumer.poll().catch((error: unknown) => error));
  expect(failure).toMatchObject({ code: 'DESERIALIZATION_FAILED', offset: 1 });
  fake.expire('m-1');
  const leftOut: DeserializationError[] = [];
  const step = await settled(consumer.poll({ onUndeserializable: (error) => void leftOut.push(error) }));
  expect(step.records.map(({ value }) => value)).toEqual([1, 3]);
  expect(leftOut.map(({ offset, record }) => [offset, record.value])).toEqual([[1, 'two']]);
});

it('ends with a commit of what the last step returned, and leaves', async () => {
  const { fake, consumer, settled } = consumerWorld();
  fake.write('orders/0', 'a', 'b');
  const { state } = await settled(consumer.poll());
  await settled(consumer.leave(saved(state)));
  expect(fake.committed.get('orders/0')).toBe(2);
  expect(fake.members.size).toBe(0);
  await settled(consumer.leave(state));
});

it('leaves without a commit where commits are manual, and keeps the seat of a static member', async () => {
  const { fake, consumer, settled } = consumerWorld({ commit: 'manual', instanceId: 'page' });
  fake.write('orders/0', 'a');
  const { state } = await settled(consumer.poll());
  await settled(consumer.leave(state));
  expect(fake.commits).toEqual([]);
  expect(fake.calls.at(-1)?.body).toEqual({ member: 'm-1', keep_seat: true });
});
