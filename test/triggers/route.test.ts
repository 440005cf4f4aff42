import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { alterTrigger } from '../../lib/broker/triggers/alter-trigger.ts';
import type { Attributes } from '../../lib/kernel/items.ts';
import { encodeHead, headKey, initialHead } from '../../lib/log/ledger/head.ts';
import { type ItemChange, routeChanges, routeHeads, type TriggerRoute } from '../../lib/triggers/route.ts';
import { allFunctions, appendTo, makeTrigger, triggerWorld } from '../support/triggers.ts';

const TOPIC = 'AAAAAAAAQACAAAAAAAAAAA';
const OTHER = 'BBBBBBBBQBCBBBBBBBBBBB';
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const routes: TriggerRoute[] = [
  { trigger: 'one', topics: new Map([[TOPIC, { name: 't', ledgerPartitions: 4 }]]) },
  { trigger: 'two', topics: new Map([[TOPIC, { name: 't', ledgerPartitions: 4 }]]) },
];

function image(version: number, next: Record<number, number>, wake: number | undefined = 1): Attributes {
  const head = { ...initialHead(), version, next: Array.from({ length: 16 }, (_, slot) => next[slot] ?? 0) };
  return { ...encodeHead(head), ...(wake !== undefined && { wake }) };
}

function change(
  index: number,
  before: Attributes | undefined,
  after: Attributes | undefined,
  topicId = TOPIC,
): ItemChange {
  return { key: headKey({ topicId, index }), ...(before && { before }), ...(after && { after }) };
}

function routed(...changes: ItemChange[]) {
  return routeHeads(changes, routes, silent);
}

function partitionsOf(result: ReturnType<typeof routeHeads>, trigger = 'one') {
  const work = result.requests.filter((request) => request.trigger === trigger).flatMap((request) => request.work);
  return Object.fromEntries(work.map(({ partition, wanted }) => [partition, wanted]));
}

describe('routing changes of heads', () => {
  it('wakes every trigger of the topic with the partitions that grew', () => {
    const result = routed(change(2, image(1, { 0: 5, 1: 1 }), image(2, { 0: 5, 1: 4 })));
    const work = [{ topic: 't', topicId: TOPIC, partition: 9, wanted: 4 }];
    expect(result).toEqual({
      requests: [
        { trigger: 'one', work },
        { trigger: 'two', work },
      ],
      unknown: new Set(),
      unreadable: 0,
    });
  });

  it('passes over what is no growing head with wake', () => {
    const grown = image(2, { 0: 1 });
    const { wake: _, ...asleep } = grown;
    expect(
      routed(
        change(0, image(1, {}), asleep),
        change(0, grown, image(3, { 0: 1 })),
        change(0, grown, undefined),
        { key: { pk: `ledger#${TOPIC}#0`, sk: 'page#0' }, after: grown },
        { key: { pk: 'topic#t', sk: 'config' }, after: { wake: 1 } },
      ).requests,
    ).toEqual([]);
  });

  it('takes a head whose wake was raised for one that has grown everywhere', () => {
    expect(partitionsOf(routed(change(0, image(3, { 0: 7, 2: 1 }, 1), image(3, { 0: 7, 2: 1 }, 2))))).toEqual({
      0: 7,
      2: 1,
    });
    const { wake: _, ...asleep } = image(3, { 0: 7 });
    expect(partitionsOf(routed(change(0, asleep, image(3, { 0: 7 }))))).toEqual({ 0: 7 });
  });

  it('goes on after a change that it cannot read', () => {
    const bad = change(0, image(1, {}), { wake: 1, v: 'x' });
    const result = routed(bad, change(1, image(1, {}), image(2, { 0: 1 })));
    expect(result.unreadable).toBe(1);
    expect(partitionsOf(result)).toEqual({ 4: 1 });
  });

  it('names topics that no trigger is known to have', () => {
    expect(routed(change(0, image(1, {}), image(2, { 0: 1 }), OTHER))).toMatchObject({
      requests: [],
      unknown: new Set([OTHER]),
    });
  });

  it('asks for at most 64 partitions at a time', () => {
    const all = { 0: 1, 1: 1, 2: 1, 3: 1 };
    const changes = Array.from({ length: 20 }, (_, index) => change(index, image(1, {}), image(2, all)));
    const lengths = routed(...changes)
      .requests.filter(({ trigger }) => trigger === 'one')
      .map(({ work }) => work.length);
    expect(lengths).toEqual([64, 16]);
  });

  it('answers the same whatever the order of the changes, and however often each comes', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.integer({ min: 1, max: 5 })), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (appended, shuffle) => {
        const next: Record<number, number> = {};
        const history = appended.map(([slot, records], at) => {
          const before = image(at, { ...next });
          next[slot] = (next[slot] ?? 0) + records;
          return change(0, before, image(at + 1, { ...next }));
        });
        const disordered = [...history, ...history]
          .map((one) => ({ one, at: shuffle.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        expect(routed(...disordered)).toEqual(routed(...history));
        expect(partitionsOf(routed(...disordered))).toEqual(next);
      }),
    );
  });

  it('reads the triggers anew for a topic that it does not know, and leaves out the disabled ones', async () => {
    const process = await triggerWorld();
    const { broker } = process;
    await broker.triggers.list();
    await makeTrigger(process, { topics: { pattern: 't|late' } });
    await makeTrigger(process, { name: 'resting', group: 'h', enabled: false });
    await appendTo(process, 1, 'a', 'b');
    await createTopic(broker, { name: 'late' });
    const { topicId } = await broker.topics.get('t');
    const after = await broker.metadata.get(headKey({ topicId, index: 1 }), 'strong');
    const grown: ItemChange = { key: headKey({ topicId, index: 1 }), ...(after && { after }) };
    expect(await routeChanges(broker, [grown], silent)).toEqual([
      { trigger: 'orders', work: [{ topic: 't', topicId, partition: 1, wanted: 2 }] },
    ]);
    await alterTrigger(broker, allFunctions, 'orders', { enabled: false });
    expect(await routeChanges(broker, [grown], silent)).toEqual([]);
  });
});
