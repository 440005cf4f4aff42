import { FilterCriteria, FilterRule } from 'aws-cdk-lib/aws-lambda';

/** A change of one item to a state from the one before it: what goes on in that state wakes nobody again. */
function stateChange(pk: string, attribute: string, [from, to]: readonly [string, string]): Record<string, unknown> {
  return FilterCriteria.filter({
    eventName: FilterRule.isEqual('MODIFY'),
    dynamodb: {
      Keys: { pk: { S: FilterRule.isEqual(pk) } },
      OldImage: { [attribute]: { S: FilterRule.isEqual(from) } },
      NewImage: { [attribute]: { S: FilterRule.isEqual(to) } },
    },
  });
}

/**
 * Which records of the table's stream wake the maintenance for what they name: an erasure whose extent is fixed
 * (docs/protocol.md, "Erasures"), and a deleted topic whose name is free and whose ledgers have ended. Who dies before
 * that leaves it to the schedule.
 *
 * Deliberately not among them: heads whose log start was raised, which a filter cannot tell from others, and of which
 * no byte may go before readers have had their grace.
 */
export const APPEARED_WORK: readonly Record<string, unknown>[] = [
  stateChange('erasures', 's', ['fixing', 'erasing']),
  stateChange('deleted-topics', 'state', ['deleting', 'freed']),
];
