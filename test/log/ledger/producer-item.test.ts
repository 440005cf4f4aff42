import { describe, expect, it } from 'vitest';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { planAppend } from '../../../lib/log/ledger/append.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import {
  decodeProducerItem,
  encodeProducerItem,
  type ProducerChange,
  planProducerItem,
  producerItemKey,
} from '../../../lib/log/ledger/producer-item.ts';
import { fitsOneExpression } from '../../../lib/storage/metadata/dynamodb-expressions.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const KEY = 'abcdefghijkl';
const [OLD, NEW] = [Uint8Array.of(1), Uint8Array.of(2)];
const none = { before: undefined, after: undefined };

const change = (head: Partial<ProducerChange['head']>, item: Partial<ProducerChange['item']>): ProducerChange => ({
  key: KEY,
  head: { ...none, ...head },
  item: { ...none, ...item },
});

describe("a producer's item", () => {
  it('survives its item', () => {
    expect(decodeProducerItem(encodeProducerItem(OLD))).toEqual(OLD);
  });

  const key = producerItemKey(LEDGER, KEY);
  it.each<[string, ProducerChange, unknown]>([
    ['is not there for one that stays in the head', change({ before: OLD, after: NEW }, {}), undefined],
    [
      'must not be there for one that nobody knows and that enters the head',
      change({ after: NEW }, {}),
      { kind: 'check', key, conditions: [{ clause: 'item-absent' }] },
    ],
    [
      'must not be there for one that nobody knows and that does not enter the head',
      change({}, { after: NEW }),
      { kind: 'put', key, attributes: { s: NEW }, conditions: [{ clause: 'item-absent' }] },
    ],
    [
      'must be as it was for one that stays out of the head',
      change({}, { before: OLD, after: NEW }),
      { kind: 'put', key, attributes: { s: NEW }, conditions: [{ clause: 'equals', attribute: 's', value: OLD }] },
    ],
    [
      'goes when its producer enters the head',
      change({ after: NEW }, { before: OLD }),
      { kind: 'delete', key, conditions: [{ clause: 'equals', attribute: 's', value: OLD }] },
    ],
    [
      'comes when its producer leaves the head',
      change({ before: OLD }, { after: OLD }),
      { kind: 'put', key, attributes: { s: OLD }, conditions: [{ clause: 'item-absent' }] },
    ],
    ['is not made for one that is forgotten', change({ before: OLD }, {}), undefined],
  ])('%s', (_, given, write) => {
    expect(planProducerItem(LEDGER, given)).toEqual(write);
  });

  it('and the head are never both the home of a producer', () => {
    expect(() => planProducerItem(LEDGER, change({ before: OLD }, { before: OLD }))).toThrow('has one home');
    expect(() => planProducerItem(LEDGER, change({ after: NEW }, { after: NEW }))).toThrow('gets one home');
  });
});

describe('an append with as many producers as a commit has', () => {
  it('is one expression, also where all push out or forget as many', () => {
    const commit = {
      tier: 'inline' as const,
      object: { birthMs: 1_000, random: new Uint8Array(8) },
      part: 0,
      position: 0,
      runs: Array.from({ length: 16 }, (_, slot) => ({ slot, bytes: 9, records: 1, maxTimestamp: 0, crc32c: 0 })),
    };
    const most = producerLimits.producersPerCommitMax + producerLimits.producersInHeadMax;
    const producers = Array.from({ length: most }, (_, i): ProducerChange => {
      const packed = new Uint8Array(100).fill(i);
      const home = { before: i % 2 === 0 ? packed : undefined, after: undefined };
      return { key: String(i).padStart(12, '_'), head: home, item: none };
    });
    const expected = { slot: 3, offset: 7 };
    const plan = { ledger: LEDGER, commit, epoch: 1, isrVersion: 1, seen: 1, producers, expected };
    const write = planAppend(plan);
    expect(write.key).toEqual(headKey(LEDGER));
    expect(fitsOneExpression(write)).toBe(true);
    expect(1 + most).toBeLessThanOrEqual(storageLimits.transactionItemsMax);
  });
});
