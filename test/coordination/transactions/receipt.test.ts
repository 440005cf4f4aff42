import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  packPlaced,
  packReceipt,
  unpackPlaced,
  unpackReceipt,
} from '../../../lib/coordination/transactions/receipt.ts';
import { placedRecords, receipts } from './arbitraries.ts';

describe("a transaction's receipt", () => {
  it('comes back as it was packed', () => {
    fc.assert(
      fc.property(receipts, (receipt) => {
        expect(unpackReceipt(packReceipt(receipt))).toEqual(receipt);
      }),
    );
  });

  it('has the places of records by themselves, too', () => {
    fc.assert(
      fc.property(placedRecords, (records) => {
        expect(unpackPlaced(packPlaced(records))).toEqual(records);
      }),
    );
  });

  it('takes three bytes for a record that is alone in its partition and time, and none for each of a row', () => {
    const timestamp = 1_790_000_000_000;
    const row = (length: number) => Array.from({ length }, () => ({ place: 0, timestamp }));
    expect(packPlaced(row(10_000)).length).toBe(packPlaced(row(1)).length + 1);
    const alternating = Array.from({ length: 1_001 }, (_, index) => ({ place: index % 2, timestamp }));
    expect(packPlaced(alternating).length - packPlaced(row(1)).length).toBe(3 * 1_000 + 1);
  });

  it('is refused as corrupt with bytes too many', () => {
    const packed = packReceipt({ ledgers: [], places: [], records: [] });
    expect(() => unpackReceipt(Uint8Array.of(...packed, 0))).toThrow('too many');
  });
});
