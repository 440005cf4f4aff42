import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import {
  CONDEMNED_END,
  CONDEMNED_START,
  condemnedAtMs,
  condemnedBefore,
  condemnedKey,
  decodeCondemned,
  encodeCondemned,
} from '../../../lib/log/merged/condemned-item.ts';
import { LEDGER, objectId } from '../../support/ledger-arbitraries.ts';

const tier = fc.constantFrom('inline' as const, 'segments' as const, 'merged' as const);
const condemned = fc.record({ tier, object: objectId });
const time = fc.nat({ max: 99_999_999_999_999 });
const OBJECT = { tier: 'merged' as const, object: { birthMs: 5, random: new Uint8Array(8) } };

describe('condemned items', () => {
  it('survive their item', () => {
    fc.assert(
      fc.property(fc.array(condemned, { minLength: 1, maxLength: mergingLimits.condemnedPerItemMax }), (objects) => {
        expect(decodeCondemned(encodeCondemned(objects))).toEqual(objects);
      }),
    );
  });

  it('are found by the time at which they were condemned', () => {
    fc.assert(
      fc.property(time, time, fc.stringMatching(/^[0-9a-f]{8}$/), (ms, cutoffMs, random) => {
        const { pk, sk } = condemnedKey(LEDGER, { ms, random });
        expect(pk).toBe(`ledger#${LEDGER.topicId}#0`);
        expect(condemnedAtMs(sk)).toBe(ms);
        expect(sk < condemnedBefore(cutoffMs)).toBe(ms < cutoffMs);
        expect(sk > CONDEMNED_START && sk < CONDEMNED_END).toBe(true);
      }),
    );
    expect(condemnedKey(LEDGER, { ms: 5, random: '0123abcd' }).sk).toBe('condemned#00000000000005#0123abcd');
  });

  it('have a bound, and a key that tells two steps of one moment apart', () => {
    expect(() => encodeCondemned([])).toThrow('0 condemned objects');
    const many = Array.from({ length: mergingLimits.condemnedPerItemMax + 1 }, () => OBJECT);
    expect(() => encodeCondemned(many)).toThrow('101 condemned objects');
    expect(() => condemnedKey(LEDGER, { ms: 5, random: 'xyz' })).toThrow('xyz is 8 hex digits');
  });

  it('are not read where they are cut or of an unknown tier', () => {
    expect(() => decodeCondemned({ o: new Uint8Array(16) })).toThrow('whole entries');
    expect(() => decodeCondemned({ o: new Uint8Array(15).fill(3) })).toThrow('a condemned object has a tier, not 3');
    expect(() => condemnedAtMs('condemned#5')).toThrow('is the key of a condemned item');
  });
});
