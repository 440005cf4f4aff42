import * as fc from 'fast-check';
import type { EnlistedPartition } from '../../../lib/coordination/transactions/enlisted.ts';
import type { Receipt } from '../../../lib/coordination/transactions/receipt.ts';
import { ABORT_REASONS, TRANSACTION_STATUSES } from '../../../lib/coordination/transactions/transactional-item.ts';
import { toBase64Url } from '../../../lib/kernel/bytes.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const topicIds = bytes(16).map(toBase64Url);
const names = fc.stringMatching(/^[a-zA-Z0-9._-]{1,30}$/);
const ledgers = fc.record({ topicId: topicIds, index: fc.nat(700) });

const places = fc.record({
  ledger: fc.nat(99),
  slot: fc.nat(15),
  partition: fc.nat(9_999),
  records: fc.integer({ min: 1, max: 10_000 }),
});

const placed = fc.record({ place: fc.nat(200), timestamp: fc.integer({ min: 0, max: 2 ** 48 - 1 }) });
/** Long stretches that are alike, as a request's records are, among others that are not. */
export const placedRecords = fc
  .array(fc.tuple(placed, fc.integer({ min: 1, max: 50 })), { maxLength: 20 })
  .map((runs) => runs.flatMap(([record, times]) => Array.from({ length: times }, () => record)));

export const receipts: fc.Arbitrary<Receipt> = fc.record({
  ledgers: fc.array(
    fc.record({ ledger: ledgers, topic: names, seen: fc.nat(), commits: fc.array(bytes(9), { maxLength: 4 }) }),
    { maxLength: 5 },
  ),
  places: fc.array(places, { maxLength: 10 }),
  records: placedRecords,
});

const readers = fc.record({
  group: fc.string({ minLength: 1 }),
  member: fc.record(
    { memberId: fc.string({ minLength: 1 }), instanceId: fc.string({ minLength: 1 }), epoch: fc.maxSafeNat() },
    { requiredKeys: ['memberId'] },
  ),
});

export const parts = fc.record(
  {
    commits: fc.array(
      fc.record({
        ledger: ledgers,
        topic: names,
        seen: fc.nat(),
        packed: fc.uint8Array({ minLength: 1, maxLength: 60 }),
      }),
      { maxLength: 4 },
    ),
    places: fc.array(places, { maxLength: 5 }),
    records: placedRecords,
    offsets: fc.array(
      fc.record(
        {
          group: fc.string({ minLength: 1 }),
          topic: names,
          topicId: topicIds,
          partition: fc.nat(9_999),
          offset: fc.maxSafeNat(),
          leaderEpoch: fc.nat(),
          metadata: fc.string(),
        },
        { requiredKeys: ['group', 'topic', 'topicId', 'partition', 'offset'] },
      ),
      { maxLength: 5 },
    ),
    reader: readers,
  },
  { requiredKeys: ['commits', 'places', 'records', 'offsets'] },
);

function enlistedIn(topicId: string): fc.Arbitrary<EnlistedPartition[]> {
  const partition = fc.record({
    topicId: fc.constant(topicId),
    partition: fc.nat(9_999),
    isCurrent: fc.boolean(),
    firstSequence: fc.nat(2 ** 31 - 1),
    batches: fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 5 }),
  });
  return fc.array(partition, { maxLength: 5 });
}

export const states = fc.record(
  {
    version: fc.integer({ min: 1, max: 2 ** 40 }),
    epoch: fc.integer({ min: -1, max: 2 ** 40 }),
    number: fc.integer({ min: -1, max: 2 ** 40 }),
    status: fc.constantFrom(...TRANSACTION_STATUSES),
    timeoutMs: fc.integer({ min: 1, max: 900_000 }),
    begunMs: fc.nat(),
    parts: fc.nat(32),
    token: fc.oneof(bytes(8), bytes(0)),
    abortReason: fc.constantFrom(...ABORT_REASONS),
    receipt: fc.uint8Array({ maxLength: 40 }),
    producer: fc.record({ id: fc.maxSafeNat(), firstEpoch: fc.nat() }),
    previous: fc.record({ id: fc.maxSafeNat(), epoch: fc.nat(32_767) }),
    endedNumber: fc.integer({ min: -1, max: 2 ** 40 }),
    enlisted: topicIds.chain(enlistedIn),
  },
  { requiredKeys: ['version', 'epoch', 'number', 'status', 'timeoutMs', 'begunMs', 'parts', 'token'] },
);
