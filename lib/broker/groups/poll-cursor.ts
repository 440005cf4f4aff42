/**
 * The cursor of a poll (coordination/groups/cursor.ts), and which of its positions are not committed yet, so that a
 * poll which finds nothing new has nothing to write. As text: the cursor, and behind a `~` one bit for each position in
 * order, as hexadecimal digits, the first position's in the highest bit of the first digit. Without them every position
 * counts as not committed, which is safe: to commit one again changes nothing.
 */
import { type Cursor, decodeCursor, encodeCursor, type Position } from '../../coordination/groups/cursor.ts';
import { ascending, byText } from '../../coordination/groups/partitions.ts';
import { nameOf } from './group-items.ts';

export interface PollPosition extends Position {
  /** The group has not committed it. */
  fresh: boolean;
}

export interface PollCursor {
  cursor: Cursor;
  /** Names of partitions. */
  fresh: ReadonlySet<string>;
}

export function encodePollCursor(
  memberId: string,
  { epoch, writes, positions }: { epoch: number; writes: number; positions: readonly PollPosition[] },
): string {
  const sorted = [...positions].sort((a, b) => byText(a.topicId, b.topicId) || ascending(a.partition, b.partition));
  const digits = Array<number>(Math.ceil(sorted.length / 4)).fill(0);
  for (const [index, { fresh }] of sorted.entries()) {
    if (fresh) digits[index >> 2] = (digits[index >> 2] as number) | (8 >> (index & 3));
  }
  const text = encodeCursor(memberId, { epoch, writes, positions: sorted });
  return `${text}~${digits.map((digit) => digit.toString(16)).join('')}`;
}

/** `undefined`: no answer to this member had it. */
export function decodePollCursor(memberId: string, text: string): PollCursor | undefined {
  const [encoded = '', bits] = text.split('~', 2);
  if (bits !== undefined && !/^[0-9a-f]*$/.test(bits)) return undefined;
  const cursor = decodeCursor(memberId, encoded);
  if (cursor === undefined) return undefined;
  const fresh = cursor.positions.filter((_, index) => {
    return bits === undefined || (Number.parseInt(bits[index >> 2] ?? 'f', 16) & (8 >> (index & 3))) > 0;
  });
  return { cursor, fresh: new Set(fresh.map(nameOf)) };
}
