import { describe, expect, it } from 'vitest';
import { planOffsets } from '../../lib/coordination/groups/offsets-item.ts';
import { DispatchWorld, failed, numbered } from '../support/dispatch-world.ts';

/** Where the trigger began, as its creation has it. */
async function startAt(world: DispatchWorld, offset: number): Promise<void> {
  const id = { group: 'g', topicId: world.topicId, index: 0 };
  const slots = new Map([[0, { offset, committedMs: world.clock.now() }]]);
  await world.stores.metadata.write([planOffsets(id, 't', slots)]);
}

describe('where delivery goes on', () => {
  it.each([
    ['at the offset where the trigger began', 0],
    ['where no offset is committed', undefined],
  ])('has waited for a batch to fill before, %s', async (_, start) => {
    const world = await DispatchWorld.make({ trigger: { batchingWindowMs: 60_000 } });
    if (start !== undefined) await startAt(world, start);
    await world.produce(numbered(0, 3));
    const before = await world.dispatch();
    expect(before.partitions).toMatchObject([{ end: 'not-due' }]);
    await world.clock.advance(((await world.lease())?.nextMs ?? 0) - world.clock.now());
    await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual([[0, 1, 2]]);
  });

  it('has waited for a batch to fill before in some of its lanes, while others had nothing', async () => {
    const world = await DispatchWorld.make({ trigger: { batchingWindowMs: 60_000, parallelizationFactor: 4 } });
    await world.produce(['only']);
    await world.dispatch();
    await world.clock.advance(60_000);
    await world.dispatch();
    expect(world.seen.map(({ offsets }) => offsets)).toEqual([[0]]);
  });

  it.each([
    ['at the offset where the trigger began', 0],
    ['where no offset is committed', undefined],
  ])('knows of the attempts that were made before, %s', async (_, start) => {
    const world = await DispatchWorld.make({ trigger: { retryAttempts: 10 } });
    if (start !== undefined) await startAt(world, start);
    await world.produce(numbered(0, 3));
    world.handler = () => failed;
    // The pauses become longer than a dispatcher waits.
    for (let dispatches = 0; dispatches < 20; dispatches++) {
      await world.dispatch();
      await world.clock.advance(60_000);
    }
    expect(world.seen).toHaveLength(11);
  });
});
