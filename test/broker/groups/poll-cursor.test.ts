import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePollCursor, encodePollCursor, type PollPosition } from '../../../lib/broker/groups/poll-cursor.ts';
import { topicIdOf } from '../../support/group-arbitraries.ts';

const positions = fc.uniqueArray(
  fc.record({
    topic: fc.nat(3),
    partition: fc.nat(300),
    offset: fc.maxSafeNat(),
    fresh: fc.boolean(),
  }),
  { selector: ({ topic, partition }) => `${topic} ${partition}`, maxLength: 40 },
);

const named = ({ topicId, partition }: { topicId: string; partition: number }) => `${topicId}:${partition}`;

describe('a poll’s cursor', () => {
  test('comes back as it was, to its member only', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), positions, (epoch, writes, list) => {
        const given: PollPosition[] = list.map(({ topic, ...rest }) => ({ topicId: topicIdOf(topic), ...rest }));
        const text = encodePollCursor('m', { epoch, writes, positions: given });
        const decoded = decodePollCursor('m', text);
        expect(decoded?.cursor).toMatchObject({ epoch, writes });
        expect(new Map(decoded?.cursor.positions.map((position) => [named(position), position.offset]))).toEqual(
          new Map(given.map((position) => [named(position), position.offset])),
        );
        expect(decoded?.fresh).toEqual(new Set(given.filter(({ fresh }) => fresh).map(named)));
        expect(decodePollCursor('n', text)).toBeUndefined();
      }),
    );
  });

  test('of whatever text is one or none', () => {
    const only = { topicId: topicIdOf(0), partition: 0, offset: 5, fresh: false };
    const text = encodePollCursor('m', { epoch: 1, writes: 1, positions: [only] });
    fc.assert(
      fc.property(fc.string(), fc.nat(text.length), (inserted, at) => {
        const changed = text.slice(0, at) + inserted + text.slice(at);
        expect(() => decodePollCursor('m', changed)).not.toThrow();
      }),
    );
    expect(decodePollCursor('m', `${text}x`)).toBeUndefined();
    const [bare = ''] = text.split('~');
    expect(decodePollCursor('m', bare)?.fresh.size).toBe(1);
  });
});
