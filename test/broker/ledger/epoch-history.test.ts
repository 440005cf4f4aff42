import { describe, expect, it } from 'vitest';
import { EpochHistory } from '../../../lib/broker/ledger/epoch-history.ts';
import { encodeEpoch, epochKey, type LeaderEpoch } from '../../../lib/coordination/replication/epoch-item.ts';
import { encodeReplication, initialReplication } from '../../../lib/coordination/replication/replica-state.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import { headKey, initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import type { MetadataStore, Query, QueryPage } from '../../../lib/storage/metadata/port.ts';
import { makeStores } from '../../support/broker.ts';

const ledger = { topicId: 't', index: 0 };

/** Starts are ten times the epoch in every slot. */
function epoch(number: number, lost?: [slot: number, from: number, to: number]): LeaderEpoch {
  return {
    epoch: number,
    leader: number % 3,
    starts: Array<number>(16).fill(number * 10),
    ...(lost && {
      lost: Array.from({ length: 16 }, (_, slot) =>
        slot === lost[0] ? { from: lost[1], to: lost[2] } : { from: 0, to: 0 },
      ),
    }),
  };
}

function headIn(number: number): LedgerHead {
  return { ...initialHead(encodeReplication(initialReplication([0, 1, 2]))), epoch: number };
}

function makeWorld() {
  const { metadata } = makeStores();
  const queries: Query[] = [];
  const counted: MetadataStore = {
    get: (key, consistency) => metadata.get(key, consistency),
    write: (writes) => metadata.write(writes),
    close: async () => {},
    query: (query: Query): Promise<QueryPage> => {
      queries.push(query);
      return metadata.query(query);
    },
  };
  const elect = async (...epochs: LeaderEpoch[]) => {
    for (const one of epochs) {
      const key = epochKey(headKey(ledger), one.epoch);
      await metadata.write([{ kind: 'put', key, attributes: encodeEpoch(one) }]);
    }
  };
  return { history: new EpochHistory({ metadata: counted }), queries, elect };
}

describe('EpochHistory', () => {
  it('asks nobody about ledgers that never elected, or have a single replica', async () => {
    const { history, queries } = makeWorld();
    expect(await history.epochs(ledger, headIn(0))).toEqual([]);
    expect(await history.lostRanges(ledger, 0, { ...initialHead(), epoch: 3 })).toEqual([]);
    expect(queries).toEqual([]);
  });

  it('has all epochs, oldest first, by a strong read', async () => {
    const { history, queries, elect } = makeWorld();
    await elect(epoch(2, [1, 5, 9]), epoch(1), epoch(10));
    expect(await history.epochs(ledger, headIn(10))).toEqual([epoch(1), epoch(2, [1, 5, 9]), epoch(10)]);
    expect(queries.map(({ consistency }) => consistency)).toEqual(['strong']);
  });

  it('reads once for as long as the head has no later epoch, and then only what came after', async () => {
    const { history, queries, elect } = makeWorld();
    await elect(epoch(1), epoch(2));
    await history.epochs(ledger, headIn(2));
    await history.epochs(ledger, headIn(2));
    await history.epochs(ledger, headIn(1));
    expect(queries).toHaveLength(1);
    await elect(epoch(3));
    expect(await history.epochs(ledger, headIn(3))).toEqual([epoch(1), epoch(2), epoch(3)]);
    expect(queries.map(({ from }) => from)).toEqual(['epoch#000000000001', 'epoch#000000000003']);
  });

  it('reads on where the epochs are more than one query brings', async () => {
    const { history, queries, elect } = makeWorld();
    const all = Array.from({ length: cacheLimits.epochsPerQueryMax + 1 }, (_, index) => epoch(index + 1));
    await elect(...all);
    expect(await history.epochs(ledger, headIn(all.length))).toEqual(all);
    expect(queries).toHaveLength(2);
  });

  it('is told to come back where the epoch of the head is not there', async () => {
    const { history, elect } = makeWorld();
    await elect(epoch(1));
    await expect(history.epochs(ledger, headIn(2))).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await elect(epoch(2));
    expect(await history.epochs(ledger, headIn(2))).toHaveLength(2);
  });

  it('names what may be lost of a slot, by all unclean elections', async () => {
    const { history, elect } = makeWorld();
    await elect(epoch(1, [3, 5, 9]), epoch(2), epoch(3, [3, 20, 21]));
    expect(await history.lostRanges(ledger, 3, headIn(3))).toEqual([
      { from: 5, to: 9 },
      { from: 20, to: 21 },
    ]);
    expect(await history.lostRanges(ledger, 4, headIn(3))).toEqual([]);
  });
});
