import { describe, expect, it } from 'vitest';
import { checkGroupId, checkTransactionalId } from '../../../lib/coordination/transactions/ids.ts';

describe('ids that callers choose', () => {
  it.each(['a', 'app-1_0', 'über/ünter#1', 'x'.repeat(255)])('%j is one', (id) => {
    expect(() => checkTransactionalId(id)).not.toThrow();
    expect(() => checkGroupId(id)).not.toThrow();
  });

  it.each(['', 'x'.repeat(256), 'a\nb', '\u0000', '\u0085', '\ud800'])('%j is none', (id) => {
    expect(() => checkTransactionalId(id)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    expect(() => checkGroupId(id)).toThrow(expect.objectContaining({ code: 'INVALID_GROUP_ID' }));
  });
});
