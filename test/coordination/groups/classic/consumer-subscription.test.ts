import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { subscribedTopics, subscriptionOf } from '../../../../lib/coordination/groups/classic/consumer-subscription.ts';
import type { ClassicMember } from '../../../../lib/coordination/groups/member-item.ts';
import { ByteWriter, utf8 } from '../../../../lib/kernel/bytes.ts';

function subscription(topics: readonly string[], { version = 1, rest = [] as number[] } = {}): Uint8Array {
  const writer = new ByteWriter().u16(version).u32(topics.length);
  for (const topic of topics.map(utf8)) writer.u16(topic.length).bytes(topic);
  return writer.bytes(Uint8Array.from(rest)).finish();
}

function memberOf(metadata: Uint8Array, changes: Partial<ClassicMember> = {}): ClassicMember {
  return {
    kind: 'classic',
    seat: 'd#m',
    nonce: 'n',
    writes: 1,
    memberId: 'm',
    epoch: 1,
    seenMs: 0,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 60_000,
    joining: 1,
    joiningSinceMs: 0,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata }],
    ...changes,
  };
}

const consumers = {
  protocolType: 'consumer',
  round: { phase: 'stable' as const, protocol: 'range', deadlineMs: 0 },
};

describe('the topics of a subscription', () => {
  it('are read from any version, whatever follows them', () => {
    const topics = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 20 });
    const rest = fc.array(fc.nat({ max: 255 }), { maxLength: 20 });
    fc.assert(
      fc.property(topics, fc.nat({ max: 9 }), rest, (names, version, more) => {
        expect(subscribedTopics(subscription(names, { version, rest: more }))).toEqual(names);
      }),
    );
  });

  it('are those of the bytes in which kafkajs says it', () => {
    // Version 1, two topics, no user data.
    const bytes = Uint8Array.from([0, 1, 0, 0, 0, 2, 0, 1, 0x61, 0, 2, 0x62, 0x63, 0, 0, 0, 0]);
    expect(subscribedTopics(bytes)).toEqual(['a', 'bc']);
  });

  it('are unknown where the bytes end early or are no text', () => {
    const whole = subscription(['orders', 'payments']);
    for (let length = 0; length < whole.length; length++) {
      expect(subscribedTopics(whole.subarray(0, length))).toBeUndefined();
    }
    expect(subscribedTopics(Uint8Array.from([0, 1, 255, 255, 255, 255, 0, 0]))).toBeUndefined();
    expect(subscribedTopics(Uint8Array.from([0, 1, 0, 0, 0, 1, 0, 1, 0xff]))).toBeUndefined();
  });
});

describe('the subscription of a classic group', () => {
  it('is what all of its consumers say, in the protocol that was selected', () => {
    const other = { name: 'sticky', metadata: subscription(['not this']) };
    const [a, b] = [memberOf(subscription(['t', 'u'])), memberOf(subscription(['u', 'v']))];
    const members = [{ ...a, protocols: [other, ...a.protocols] }, b];
    expect(subscriptionOf(consumers, members)).toEqual({
      subscription: 'topics',
      topics: new Set(['t', 'u', 'v']),
    });
  });

  it('leaves out who was only given an id so far', () => {
    const pending = memberOf(utf8('?'), { joining: 0, protocols: [] });
    expect(subscriptionOf(consumers, [memberOf(subscription(['t'])), pending])).toEqual({
      subscription: 'topics',
      topics: new Set(['t']),
    });
  });

  it('is unclear where a consumer says something else, or no protocol is selected yet', () => {
    const good = memberOf(subscription(['t']));
    expect(subscriptionOf(consumers, [good, memberOf(utf8('metadata'))])).toEqual({ subscription: 'unclear' });
    const first = { protocolType: 'consumer', round: { phase: 'preparing' as const, deadlineMs: 0 } };
    expect(subscriptionOf(first, [good])).toEqual({ subscription: 'unclear' });
  });

  it('is their own affair where they are no consumers', () => {
    expect(subscriptionOf({ ...consumers, protocolType: 'connect' }, [memberOf(subscription(['t']))])).toEqual({
      subscription: 'theirs',
    });
  });
});
