/**
 * Ids that callers choose: of transactions and of groups. Kafka takes any text; these two must fit a key and a path.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';

/** Throws `INVALID_REQUEST`: Kafka has no code for it. */
export function checkTransactionalId(id: string): void {
  if (isPlain(id, transactionLimits.transactionalIdLengthMax)) return;
  const detail = `A transactional id is 1 to ${transactionLimits.transactionalIdLengthMax} characters, none of them a control character.`;
  throw new MillraceError('INVALID_REQUEST', detail, { facts: { field: 'transactional_id' } });
}

/** Throws `INVALID_GROUP_ID`. */
export function checkGroupId(id: string): void {
  if (isPlain(id, transactionLimits.groupIdLengthMax)) return;
  const detail = `A group id is 1 to ${transactionLimits.groupIdLengthMax} characters, none of them a control character.`;
  throw new MillraceError('INVALID_GROUP_ID', detail);
}

function isPlain(text: string, lengthMax: number): boolean {
  return text !== '' && text.length <= lengthMax && text.isWellFormed() && !/\p{Cc}/u.test(text);
}
