import { describe, expect, it } from 'vitest';
import { makeBroker } from '../support/broker.ts';
import { DispatchWorld, failed, failures, numbered } from '../support/dispatch-world.ts';

describe('a dispatcher', () => {
  it('delivers what is there, in order, and commits it', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 4 } });
    await world.produce(numbered(0, 10));
    const summary = await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(summary).toMatchObject({ partitions: [{ end: 'reached' }], counts: { delivered: 10, invocations: 3 } });
    expect(await world.committed()).toBe(10);
    expect(await world.lease()).toMatchObject({ untilMs: 0, committed: 10 });
    expect((await world.lease())?.holder).toBeUndefined();
  });

  it('does nothing for a wake-up that comes late or twice', async () => {
    const world = await DispatchWorld.make();
    await world.produce(numbered(0, 3));
    await world.dispatch();
    const summary = await world.dispatch(world.dispatcher(), world.request(world.work(3), world.work(2)));
    expect(summary.partitions.map(({ end }) => end)).toContain('reached');
    expect(world.seen).toHaveLength(1);
  });

  it('retries a batch that failed until it succeeds', async () => {
    const world = await DispatchWorld.make();
    await world.produce(numbered(0, 3));
    world.handler = () => (world.seen.length < 4 ? failed : undefined);
    const summary = await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual(Array.from({ length: 4 }, () => [0, 1, 2]));
    expect(summary.counts).toMatchObject({ errors: 3, retries: 3, delivered: 3 });
    expect(await world.committed()).toBe(3);
    expect((await world.lease())?.error).toBeUndefined();
  });

  it('tries again at once what became due while the failure was written down', async () => {
    const world = await DispatchWorld.make();
    await world.produce(['a']);
    world.handler = () => (world.seen.length < 5 ? failed : undefined);
    const slow = makeBroker({ stores: world.stores });
    slow.metadata.onWrite = async (go) => {
      await world.clock.sleep(2_000);
      return go();
    };
    await world.dispatch(world.dispatcher(slow));
    const gaps = world.seen.slice(1).map(({ startedMs }, index) => startedMs - (world.seen[index]?.endedMs ?? 0));
    expect(gaps).toHaveLength(4);
    expect(Math.max(...gaps)).toBeLessThan(6_000);
  });

  it('does not mix new records into a batch that is tried again', async () => {
    const world = await DispatchWorld.make();
    await world.produce(numbered(0, 2));
    world.handler = async () => {
      if (world.seen.length > 1) return undefined;
      await world.produce(['later']);
      return failed;
    };
    await world.dispatch();
    expect(world.seen.map(({ values }) => values)).toEqual([['0', '1'], ['0', '1'], ['later']]);
  });

  it('delivers again from the first record that failed', async () => {
    const world = await DispatchWorld.make();
    await world.produce(numbered(0, 6));
    world.handler = () => (world.seen.length === 1 ? failures(0, 4, 2) : undefined);
    await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual([
      [0, 1, 2, 3, 4, 5],
      [2, 3, 4, 5],
    ]);
  });

  it.each([
    ['a record that was not in the batch', failures(0, 99)],
    ['another partition', failures(1, 2)],
    ['something that is no identifier', { response: { batchItemFailures: [{ itemIdentifier: '' }] } }],
    ['no object at all', { response: 'thanks' }],
    ['failures that are no list', { response: { batchItemFailures: 7 } }],
  ])('tries the whole batch again when the answer names %s', async (_, answer) => {
    const world = await DispatchWorld.make();
    await world.produce(numbered(0, 3));
    world.handler = () => (world.seen.length === 1 ? answer : undefined);
    await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
  });

  it('sends a batch that is given up to the destination before it goes on', async () => {
    const world = await DispatchWorld.make({
      trigger: { retryAttempts: 2, batchSize: 2, onFailure: { kind: 'sqs', arn: 'arn:aws:sqs:x' } },
    });
    await world.produce(numbered(0, 4));
    world.handler = ({ offsets }) => (offsets[0] === 0 ? failed : undefined);
    let committedThen: number | undefined;
    world.destination = async () => {
      committedThen = await world.committed();
    };
    const summary = await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets[0])).toEqual([0, 0, 0, 2]);
    expect(world.given).toMatchObject([
      {
        condition: 'RetriesExhausted',
        attempts: 3,
        offsets: { first: 0, last: 1 },
        error: { kind: 'Unhandled', message: 'boom' },
        requestId: 'r',
      },
    ]);
    expect(committedThen).toBe(0);
    expect(await world.committed()).toBe(4);
    expect(summary.counts).toMatchObject({ discarded: 2, destinationSends: 1, delivered: 2 });
  });

  it('halves a batch until the poison is by itself', async () => {
    const world = await DispatchWorld.make({
      trigger: { retryAttempts: 0, bisectBatchOnError: true, onFailure: { kind: 'sqs', arn: 'a' } },
    });
    await world.produce(numbered(0, 64));
    const done: string[] = [];
    world.handler = ({ values }) => {
      if (values.includes('41')) return failed;
      done.push(...values);
      return undefined;
    };
    await world.dispatch();
    expect(world.given.map(({ offsets }) => offsets)).toEqual([{ first: 41, last: 41 }]);
    expect(done).toEqual(numbered(0, 64).filter((value) => value !== '41'));
    expect(world.seen.length).toBeLessThanOrEqual(14);
  });

  it('holds the place while the destination fails', async () => {
    const world = await DispatchWorld.make({
      trigger: { retryAttempts: 0, onFailure: { kind: 'sqs', arn: 'a' } },
    });
    await world.produce(['poison']);
    world.handler = () => failed;
    let tries = 0;
    world.destination = async () => {
      if (++tries < 5) throw new Error('no such queue');
    };
    const summary = await world.dispatch();
    expect(tries).toBe(5);
    expect(world.seen).toHaveLength(1);
    expect(world.given).toHaveLength(1);
    expect(summary.counts).toMatchObject({ destinationFailures: 4, destinationSends: 1 });
    expect(await world.committed()).toBe(1);
  });

  it('gives up what is too old without trying it', async () => {
    const world = await DispatchWorld.make({
      trigger: { maxRecordAgeMs: 60_000, onFailure: { kind: 'sqs', arn: 'a' } },
    });
    const now = world.clock.now();
    await world.produce(['old', 'older'], { timestamp: now - 61_000 });
    await world.produce(['new'], { timestamp: now - 1_000 });
    await world.dispatch();
    expect(world.given).toMatchObject([
      { condition: 'MaximumRecordAgeExceeded', attempts: 0, offsets: { first: 0, last: 1 } },
    ]);
    expect(world.seen.map(({ values }) => values)).toEqual([['new']]);
  });

  it('delivers what passes the filters only, and commits past the rest', async () => {
    const world = await DispatchWorld.make({ trigger: { filters: ['{"value":{"kind":["a"]}}'] } });
    await world.produce(['{"kind":"a"}', '{"kind":"b"}', '{"kind":"a"}', '{"kind":"c"}']);
    const summary = await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual([[0, 2]]);
    expect(summary.counts.filtered).toBe(2);
    expect(await world.committed()).toBe(4);
  });

  it('counts neither throttles nor refusals as attempts, and holds the place with longer and longer pauses', async () => {
    const world = await DispatchWorld.make({ trigger: { retryAttempts: 0 } });
    await world.produce(['a']);
    world.handler = () => {
      const error = { kind: 'TooManyRequestsException', message: 'slow down' };
      return world.seen.length < 6 ? { outcome: 'not-run', error } : undefined;
    };
    const summary = await world.dispatch();
    expect(world.seen).toHaveLength(6);
    expect(summary.counts).toMatchObject({ throttles: 5, discarded: 0, delivered: 1 });
  });

  it('leaves a function that refuses to the sweeper, with the error on the lease', async () => {
    const world = await DispatchWorld.make({ trigger: { retryAttempts: 0 } });
    await world.produce(['a']);
    const error = { kind: 'ResourceNotFoundException', message: 'no such function' };
    world.handler = () => ({ outcome: 'refused', error });
    const summary = await world.dispatch();
    expect(summary.partitions).toMatchObject([{ end: 'not-due' }]);
    const lease = await world.lease();
    expect(lease).toMatchObject({ untilMs: 0, error: { kind: error.kind, message: error.message }, committed: 0 });
    expect(lease?.lanes[0]).toMatchObject({ attempts: 0, unheard: 0 });
    expect(lease?.nextMs).toBeGreaterThan(world.clock.now());
    const invoked = world.seen.length;
    expect((await world.dispatch()).partitions).toMatchObject([{ end: 'not-due' }]);
    expect(world.seen).toHaveLength(invoked);
    world.handler = () => undefined;
    await world.clock.advance((lease?.nextMs ?? 0) - world.clock.now());
    await world.dispatch();
    expect(await world.committed()).toBe(1);
  });
});
