/**
 * A Lambda handler of the records of the table's stream. What it throws for comes again, in halves, and not for long.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middyHandler, { type MiddlewareObj } from '@middy/core';
import { executionModeStandard } from '@middy/core/Standard';
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';

import type { ItemChange } from '../../lib/triggers/route.ts';
import type { BrokerBackend } from './broker-backend.ts';
import { fromStreamImage } from './stream-image.ts';
import { tracing } from './tracing.ts';

export function streamHandler(
  { telemetry, clients }: Pick<BrokerBackend, 'telemetry' | 'clients'>,
  work: (changes: readonly ItemChange[]) => Promise<void>,
) {
  return middyHandler<DynamoDBStreamEvent, void>({ timeoutEarlyInMillis: 0, executionMode: executionModeStandard })
    .use([
      injectLambdaContext(telemetry.logger, { logEvent: false }) as MiddlewareObj<DynamoDBStreamEvent, void>,
      tracing<DynamoDBStreamEvent, void>(clients),
    ])
    .handler((event: DynamoDBStreamEvent): Promise<void> => work(event.Records.flatMap(changeOf)));
}

function changeOf({ dynamodb: { Keys, OldImage, NewImage } = {} }: DynamoDBRecord): ItemChange[] {
  const { pk, sk } = Keys ?? {};
  if (pk?.S === undefined || sk?.S === undefined) return [];
  const key = { pk: pk.S, sk: sk.S };
  return [{ key, before: OldImage && fromStreamImage(OldImage), after: NewImage && fromStreamImage(NewImage) }];
}
