import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Process } from '../../support/broker.ts';
import { GroupConsumer, groupWorld, produce } from '../../support/group-consumers.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets several consumers poll in turn until nothing moves. */
async function settle(process: Process, ...consumers: GroupConsumer[]): Promise<void> {
  for (let turn = 0; turn < 4; turn++) for (const consumer of consumers) await consumer.poll(process);
}

describe('what it costs', () => {
  /** Reads and writes of the store while `work` runs. */
  async function costOf(process: Process, work: () => Promise<unknown>): Promise<string[]> {
    const query = vi.spyOn(process.metadata, 'query');
    process.metadata.forget();
    await work();
    const queries = query.mock.calls.map(([{ from }]) => `query ${from}`);
    query.mockRestore();
    return [...process.metadata.calls, ...queries];
  }

  test('a heartbeat that changes nothing is two reads, one of them eventual', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer();
    await consumer.poll(process);
    await consumer.poll(process);
    await process.clock.advance(3_000);
    const calls = await costOf(process, () => consumer.poll(process, { maxRecords: 0 }));
    expect(calls).toEqual(['get state eventual', `get member#d#${consumer.member} strong`]);
  });

  test('a poll that finds nothing is a strong read of each ledger more', async () => {
    const { processes } = await groupWorld({ partitions: 20 });
    const [process] = processes;
    const consumer = new GroupConsumer();
    await consumer.poll(process);
    await consumer.poll(process);
    await process.clock.advance(3_000);
    const calls = await costOf(process, () => consumer.poll(process));
    expect(calls).toEqual([
      'get state eventual',
      `get member#d#${consumer.member} strong`,
      'get head strong',
      'get head strong',
    ]);
  });

  test('a poll that commits is one atomic write more', async () => {
    const { processes } = await groupWorld({ partitions: 4 });
    const [process] = processes;
    const consumer = new GroupConsumer();
    await produce(process, 2, 'x');
    await consumer.poll(process);
    const { topicId } = await process.broker.topics.get('t');
    const calls = await costOf(process, () => consumer.poll(process, { maxRecords: 0 }));
    expect(calls.filter((call) => call.startsWith('write'))).toEqual([
      `write member#d#${consumer.member} offset#${topicId}#0000`,
    ]);
  });

  test('a group is looked over once, however many members of a process come at the moment when it is due', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumers = Array.from({ length: 10 }, () => new GroupConsumer());
    await settle(process, ...consumers);
    await process.clock.advance(6_000);
    const calls = await costOf(process, () =>
      Promise.all(consumers.map((consumer) => consumer.poll(process, { maxRecords: 0 }))),
    );
    expect(calls.filter((call) => call.startsWith('write'))).toEqual(['write state']);
    expect(calls.filter((call) => call === 'get state eventual')).toHaveLength(1);
  });

  test('a steady minute of a member with heartbeats every 3 s is counted', async () => {
    const { processes } = await groupWorld();
    const [process] = processes;
    const consumer = new GroupConsumer();
    await consumer.poll(process);
    await consumer.poll(process);
    const calls = await costOf(process, async () => {
      for (let beat = 0; beat < 20; beat++) {
        await process.clock.advance(3_000);
        await consumer.poll(process, { maxRecords: 0 });
      }
    });
    const count = (beginning: string) => calls.filter((call) => call.startsWith(beginning)).length;
    // Renewals of a session of 45 s, and a look every 6 s, which is every second heartbeat.
    expect(count('write member#')).toBe(4);
    expect(count('write state')).toBe(10);
    expect(count('query member#')).toBe(10);
    expect(count('write')).toBe(14);
    expect(count('get target')).toBe(10);
  });
});
