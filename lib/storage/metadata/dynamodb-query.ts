/**
 * From a `Query` to DynamoDB's Query request, as pure functions.
 *
 * DynamoDB takes one condition on the sort key, and the only one with two ends, `BETWEEN`, includes both. The port's
 * `to` is exclusive, and so is a `from` that ends in a zero byte: `x + '\0'`, which continues a page, is what comes
 * after `x`. With two ends, an exclusive one at the start of the walk becomes the `ExclusiveStartKey`, which need not
 * be an existing item; one at the end is read with the others and dropped.
 */
import type { QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { assert } from '../../kernel/assert.ts';
import type { Item } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { checkKeyPart } from './check-writes.ts';
import type { Query, QueryPage } from './port.ts';
import { compareText } from './text-order.ts';

export interface QueryPlan {
  request: Omit<QueryCommandInput, 'TableName'>;
  /** The sort key of an item that is read only because `BETWEEN` includes it; it would be the last of the walk. */
  drop?: string;
}

/** `undefined` where the range is empty, which DynamoDB would refuse. */
export function planQuery({ pk, from = '', to, descending = false, limit, consistency }: Query): QueryPlan | undefined {
  assert(Number.isSafeInteger(limit) && limit > 0, 'a query has a limit of at least 1');
  checkKeyPart('partition key', pk, storageLimits.partitionKeyBytesMax);
  if (to !== undefined && compareText(from, to) >= 0) return undefined;
  const exclusive = from.endsWith('\0');
  const lower = exclusive ? from.slice(0, -1) : from;
  const { condition, start, drop } = sortKeyRange({ lower, exclusive, upper: to, descending });
  const values: QueryCommandInput['ExpressionAttributeValues'] = { ':p': { S: pk } };
  if (lower !== '') values[':f'] = { S: lower };
  if (to !== undefined) values[':t'] = { S: to };
  const request = {
    KeyConditionExpression: `pk=:p${condition}`,
    ExpressionAttributeValues: values,
    ScanIndexForward: !descending,
    Limit: limit,
    ConsistentRead: consistency === 'strong',
    ...(start !== undefined && { ExclusiveStartKey: { pk: { S: pk }, sk: { S: start } } }),
  };
  return { request, drop };
}

/** The page that DynamoDB's answer is. `lastEvaluated` is the sort key of the last item that was read. */
export function queryPage(
  { descending = false }: Query,
  { drop }: QueryPlan,
  items: Item[],
  lastEvaluated: string | undefined,
): QueryPage {
  const last = items.at(-1);
  if (drop !== undefined && last?.key.sk === drop) return { items: items.slice(0, -1) };
  if (lastEvaluated === undefined) return { items };
  return { items, next: descending ? lastEvaluated : `${lastEvaluated}\0` };
}

interface SortKeyRange {
  /** Empty for no lower bound. */
  lower: string;
  exclusive: boolean;
  upper: string | undefined;
  descending: boolean;
}

function sortKeyRange({ lower, exclusive, upper, descending }: SortKeyRange) {
  if (lower === '') return { condition: upper === undefined ? '' : ' AND sk<:t' };
  if (upper === undefined) return { condition: exclusive ? ' AND sk>:f' : ' AND sk>=:f' };
  const condition = ' AND sk BETWEEN :f AND :t';
  const excluded = exclusive ? lower : undefined;
  return descending ? { condition, start: upper, drop: excluded } : { condition, start: excluded, drop: upper };
}
