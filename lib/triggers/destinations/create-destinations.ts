/** Where failed batches go, by what a trigger's `onFailure` names. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { FailureTarget } from '../../coordination/triggers/trigger.ts';
import { unreachable } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import type { NewRecord } from '../../log/record-batch/record.ts';
import type { EventOrigin } from '../event/render-event.ts';
import type { FailedBatch, FailureDestinations } from '../ports.ts';
import { publish, putObject, sendToQueue } from './aws-destinations.ts';
import { DestinationError } from './destination-error.ts';
import { failedRecords } from './failed-records.ts';
import { invocationRecord } from './invocation-record.ts';

export interface DestinationsOptions {
  /**
   * Clients of AWS, where there are any; SQS's and SNS's made with `destinationClientConfig`. They stay the caller's.
   */
  sqs?: SQSClient;
  sns?: SNSClient;
  s3?: S3Client;
  /** Appends to a topic, all of it or with an error. */
  produce: (topic: string, records: readonly NewRecord[]) => Promise<void>;
  /** What events say they come from. */
  origin: EventOrigin;
  random: Random;
}

/** `send` rejects with a `DestinationError`, of which `reason` tells a missing permission from what passes. */
export function createDestinations(options: DestinationsOptions): FailureDestinations {
  return {
    send: async (failed) => {
      const target = failed.trigger.onFailure;
      if (target !== undefined) await send(options, target, failed);
    },
  };
}

async function send(options: DestinationsOptions, target: FailureTarget, failed: FailedBatch): Promise<void> {
  const { sqs, sns, s3, random, origin } = options;
  switch (target.kind) {
    case 'topic':
      return await produce(options, target.topic, failed);
    case 'sqs':
      return await sendToQueue(present(sqs, target.arn), target.arn, invocationRecord(failed, origin));
    case 'sns':
      return await publish(present(sns, target.arn), target.arn, invocationRecord(failed, origin));
    case 's3':
      return await putObject(
        { s3: present(s3, target.arn), random },
        target.arn,
        failed,
        invocationRecord(failed, origin),
      );
    default:
      return unreachable(target);
  }
}

function present<Client>(client: Client | undefined, arn: string): Client {
  if (client === undefined)
    throw new DestinationError('missing', `${arn} cannot be reached: there is no client of AWS here`);
  return client;
}

async function produce(options: DestinationsOptions, topic: string, failed: FailedBatch): Promise<void> {
  if (failed.records.length === 0) return;
  try {
    await options.produce(topic, failedRecords(failed));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw new DestinationError(
      topicFailure(error),
      `the topic ${topic} has not taken a failed batch: ${error.message}`,
      error,
    );
  }
}

function topicFailure({ code, retriable }: MillraceError): DestinationError['reason'] {
  if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return 'missing';
  if (code === 'FORBIDDEN') return 'denied';
  return retriable ? 'unavailable' : 'rejected';
}
