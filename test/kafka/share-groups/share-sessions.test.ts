import { expect, test } from 'vitest';
import { type SessionFound, ShareSession, ShareSessions } from '../../../lib/kafka/share-groups/share-sessions.ts';
import { shareGroupLimits } from '../../../lib/kernel/limits/share-groups.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const key = { group: 'g', memberId: 'a', nodeId: 1 };
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ';

function sessionIn(found: SessionFound): ShareSession {
  if ('session' in found) return found.session;
  throw new Error(`no session: ${found.missing}`);
}

test('counts requests, and begins again at 1 after the last number there is', () => {
  const sessions = new ShareSessions({ clock: new ManualClock() });
  const session = sessionIn(sessions.begin(key, new AbortController().signal, () => {}));
  expect(sessions.next(key, 1)).toEqual({ session });
  expect(sessions.next(key, 1)).toEqual({ missing: 'epoch' });
  session.epoch = 2 ** 31 - 1;
  sessions.next(key, 2 ** 31 - 1);
  expect(session.epoch).toBe(1);
  expect(sessions.next({ ...key, nodeId: 2 }, 1)).toEqual({ missing: 'session' });
});

test('gives the partitions with another one first each time', () => {
  const session = new ShareSession(key, { signal: new AbortController().signal, nowMs: 0 });
  session.update(
    [0, 1, 2].map((at) => ({ topicId, partition: at })),
    [],
  );
  const first = session.rotated()[0]?.partition;
  session.epoch += 1;
  expect(session.rotated()[0]?.partition).not.toBe(first);
  session.update([], [{ topicId, partition: 0 }]);
  expect(session.rotated()).toHaveLength(2);
});

test('has at most so many partitions, and stays as it is where it is to have more', () => {
  const session = new ShareSession(key, { signal: new AbortController().signal, nowMs: 0 });
  const partitions = (count: number, from = 0) =>
    Array.from({ length: count }, (_, at) => ({ topicId, partition: from + at }));
  const { shareSessionPartitionsMax: most } = shareGroupLimits;
  expect(session.update(partitions(most), [])).toBe(true);
  expect(session.update(partitions(most, most), partitions(1))).toBe(false);
  expect(session.partitions).toEqual(partitions(most));
  expect(session.update(partitions(1, most), partitions(1))).toBe(true);
  expect(session.partitions).toHaveLength(most);
});

test('ends with its connection, unless the member has begun another one since', () => {
  const sessions = new ShareSessions({ clock: new ManualClock() });
  const [one, two] = [new AbortController(), new AbortController()];
  const ended: string[] = [];
  sessions.begin(key, one.signal, () => ended.push('first'));
  sessions.begin({ ...key, memberId: 'b' }, one.signal, ({ key: { memberId } }) => ended.push(memberId));
  const later = sessionIn(sessions.begin(key, two.signal, () => ended.push('second')));
  one.abort();
  expect(ended).toEqual(['first']);
  expect(sessions.next(key, 1)).toEqual({ session: later });
  two.abort();
  expect([ended, sessions.next(key, 2)]).toEqual([['first', 'second'], { missing: 'session' }]);
});

test('has room for as many as there can be, and forgets those that nobody has used for long', async () => {
  const clock = new ManualClock();
  const sessions = new ShareSessions({ clock });
  const { signal } = new AbortController();
  const begin = (memberId: string) => sessions.begin({ ...key, memberId }, signal, () => {});
  for (let at = 0; at < shareGroupLimits.shareSessionsMax; at++) begin(`member${at}`);
  expect(begin('late')).toEqual({ missing: 'room' });
  await clock.advance(shareGroupLimits.shareSessionIdleMs + 1);
  expect('session' in begin('late')).toBe(true);
});
