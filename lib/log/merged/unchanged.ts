import type { Condition } from '../../kernel/items.ts';

/**
 * That a number is what was read, where 0 is written as nothing: a comparison with an absent attribute would be false.
 */
export function unchanged(attribute: string, value: number): Condition {
  return value === 0 ? { clause: 'absent', attribute } : { clause: 'equals', attribute, value };
}
