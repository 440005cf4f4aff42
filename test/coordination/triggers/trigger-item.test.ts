import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTrigger, encodeTrigger } from '../../../lib/coordination/triggers/trigger-item.ts';
import { anyTriggerRecord } from '../../support/trigger-arbitraries.ts';

describe("a trigger's item", () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyTriggerRecord, (record) => {
        expect(decodeTrigger(record.trigger.name, encodeTrigger(record))).toEqual(record);
      }),
    );
  });

  it('is refused where a value is of another type', () => {
    fc.assert(
      fc.property(anyTriggerRecord, (record) => {
        for (const name of ['version', 'phase', 'batchSize', 'enabled', 'filters', 'eventShape', 'start']) {
          const damaged = { ...encodeTrigger(record), [name]: { not: 'this' } };
          expect(() => decodeTrigger(record.trigger.name, damaged)).toThrow(/is|no/);
        }
      }),
    );
  });
});
