import { describe, expect, test } from 'vitest';
import { decideAgain } from '../../lib/broker/write-attempts.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { lost } from '../support/broker.ts';

const refusal = () => new MillraceError('FENCED_MEMBER_EPOCH', 'the epoch is another', { effect: 'none' });

describe('deciding again', () => {
  test('says of a refusal after an attempt of unknown outcome that its effect is not known', async () => {
    const outcomes = [lost(), refusal()];
    const deciding = decideAgain('commit', () => Promise.reject(outcomes.shift()));
    await expect(deciding).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH', effect: 'unknown' });
  });

  test('leaves a refusal as it is where nothing was tried before', async () => {
    const deciding = decideAgain('commit', () => Promise.reject(refusal()));
    await expect(deciding).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH', effect: 'none' });
  });
});
