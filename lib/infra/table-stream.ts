import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, type EventSourceMappingOptions, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { MillraceFunction } from './millrace-function.ts';
import { OptionError } from './option-error.ts';

/**
 * Hands a function what passes the filters, from now on; its role needs `readStream`. Lambda filters before it invokes
 * and pays for its reads of the stream itself, so that all else costs nothing. A shard has two readers at most
 * (DynamoDB Developer Guide, "Change data capture for DynamoDB Streams").
 */
export function addStreamMapping(
  scope: Construct,
  { target, table, ...options }: { target: MillraceFunction; table: ITable } & EventSourceMappingOptions,
): EventSourceMapping {
  const mapping = new EventSourceMapping(scope, 'Stream', {
    ...options,
    target: target.function,
    eventSourceArn: table.tableStreamArn,
    startingPosition: StartingPosition.LATEST,
  });
  // Lambda checks at creation that the role can read the stream.
  mapping.node.addDependency(target.role);
  return mapping;
}

export function readStream({ tableStreamArn }: ITable): PolicyStatement {
  if (tableStreamArn === undefined) throw new OptionError('The table has no stream, which wakes functions.');
  return new PolicyStatement({
    effect: Effect.ALLOW,
    actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
    resources: [tableStreamArn],
  });
}
