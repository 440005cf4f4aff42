import { expect, it } from 'vitest';
import { isForMerging } from '../../lambdas/support/maintenance-event.ts';

it('is for merging alone where it says so, and for all of it otherwise', () => {
  expect(isForMerging({ only: 'merging' })).toBe(true);
  for (const event of [{}, { only: 'everything' }, 'merging', null, undefined]) expect(isForMerging(event)).toBe(false);
});
