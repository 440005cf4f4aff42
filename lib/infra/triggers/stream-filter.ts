import { FilterCriteria, FilterRule } from 'aws-cdk-lib/aws-lambda';

/**
 * Which records of the table's stream wake the router: changes of ledger heads that carry `wake`, as the heads of
 * topics with triggers do. Lambda filters before it invokes, so that everything else costs nothing.
 */
export const WAKING_HEADS: Record<string, unknown> = FilterCriteria.filter({
  eventName: FilterRule.isEqual('MODIFY'),
  dynamodb: {
    Keys: { sk: { S: FilterRule.isEqual('head') } },
    // `exists` is about leaves, not about what holds them.
    NewImage: { wake: { N: FilterRule.exists() } },
  },
});
