import { describe, expect, it } from 'vitest';
import { SideBySide } from '../../../lib/broker/read/side-by-side.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const LEDGER = { topicId: 'topic', index: 0 };
const OTHER = { topicId: 'topic', index: 1 };

describe('partitions whose history is read', () => {
  it('know of those of their ledger that are read at the same time, and where', () => {
    const side = new SideBySide({ clock: new ManualClock() });
    expect(side.read(LEDGER, 0, { fromMs: 1_000, toMs: 1_100 })).toEqual([]);
    expect(side.read(LEDGER, 3, { fromMs: 1_050, toMs: 1_200 })).toMatchObject([{ slot: 0, bornMs: 1_100 }]);
    expect(side.read(OTHER, 1, { fromMs: 1_050, toMs: 1_200 })).toEqual([]);
    expect(side.read(LEDGER, 0, { fromMs: 1_100, toMs: 1_300 })).toMatchObject([{ slot: 3, bornMs: 1_200 }]);
  });

  it('do not know of one that was read before, or reads elsewhere', async () => {
    const clock = new ManualClock();
    const side = new SideBySide({ clock });
    side.read(LEDGER, 0, { fromMs: 1_000, toMs: 1_100 });
    const away = 1_100 + cacheLimits.sideBySideMs + 1;
    expect(side.read(LEDGER, 1, { fromMs: away, toMs: away })).toEqual([]);
    await clock.advance(cacheLimits.sideBySideMs + 1);
    expect(side.read(LEDGER, 2, { fromMs: 1_000, toMs: 1_100 })).toEqual([]);
  });
});
