import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectIdText } from '../../../lib/kernel/ids.ts';
import { HOUR_MS, hourPrefix, objectName, parseObjectName } from '../../../lib/log/segment/object-name.ts';
import { isObjectName } from '../../../lib/storage/objects/name.ts';
import { objectId } from '../../support/ledger-arbitraries.ts';

const tier = fc.constantFrom('inline' as const, 'segments' as const, 'merged' as const);

describe('object names', () => {
  it('say where and what an object is, and every store can hold them', () => {
    fc.assert(
      fc.property(tier, objectId, (where, id) => {
        const name = objectName(where, id);
        expect(isObjectName(name)).toBe(true);
        expect(parseObjectName(name)).toEqual({ tier: where, id });
      }),
    );
  });

  it('begin with what all of their hour begin with, and no other hour', () => {
    fc.assert(
      fc.property(tier, objectId, fc.integer({ min: -2, max: 2 }), (where, id, hours) => {
        fc.pre(id.birthMs + hours * HOUR_MS >= 0);
        const begins = objectName(where, id).startsWith(hourPrefix(where, id.birthMs + hours * HOUR_MS));
        expect(begins).toBe(hours === 0);
      }),
    );
  });

  it('are read in one form only', () => {
    const id = { birthMs: 5 * HOUR_MS + 7, random: new Uint8Array(8).fill(0xab) };
    const text = objectIdText(id);
    expect(parseObjectName(`segments/5/${text}`)).toEqual({ tier: 'segments', id });
    const others = [
      `segments/6/${text}`, // born in another hour
      `segments/05/${text}`,
      `segments/5/${text.toUpperCase()}`,
      `segments/5/${text}/`,
      `segments/5/${text}/x`,
      `segments/5/${text}00`,
      `/segments/5/${text}`,
      `merges/5/${text}`,
      `segments/5`,
      'segments',
      '',
    ];
    for (const other of others) expect(parseObjectName(other)).toBeUndefined();
  });
});
