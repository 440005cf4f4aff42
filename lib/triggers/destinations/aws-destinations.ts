/** Queues, SNS topics and buckets as destinations. What is sent again after an answer that was lost is there twice. */
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, type SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import { toHex } from '../../kernel/bytes.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import type { Random } from '../../kernel/random.ts';
import { partitionName } from '../event/render-event.ts';
import { isoMilliseconds } from '../iso-time.ts';
import type { FailedBatch } from '../ports.ts';
import { DestinationError, destinationError } from './destination-error.ts';
import { asciiJson, type InvocationRecord } from './invocation-record.ts';

/** What clients of SQS and SNS are made with; region, credentials and endpoint come from the environment. */
export function destinationClientConfig() {
  return {
    maxAttempts: triggerLimits.failureSendAttemptsMax,
    requestHandler: {
      connectionTimeout: storageLimits.storageConnectMsMax,
      requestTimeout: triggerLimits.failureSendMsMax,
      throwOnRequestTimeout: true,
    },
    // Only SQS looks at it: a queue's URL is made here from its ARN, and names it without being where to send.
    useQueueUrlAsEndpoint: false,
  } satisfies SQSClientConfig;
}

type RecordWithPayload = InvocationRecord & { payload: string };

/** A standard queue; Lambda's mappings send to no others. */
export async function sendToQueue(sqs: SQSClient, arn: string, record: RecordWithPayload): Promise<void> {
  const { partition, region, account, resource } = partsOf(arn);
  const suffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  const QueueUrl = `https://sqs.${region}.${suffix}/${account}/${resource}`;
  await sendMessage(arn, record, (MessageBody) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody })));
}

export async function publish(sns: SNSClient, arn: string, record: RecordWithPayload): Promise<void> {
  await sendMessage(arn, record, (Message) => sns.send(new PublishCommand({ TopicArn: arn, Message })));
}

export interface ObjectOptions {
  s3: S3Client;
  random: Random;
}

/**
 * `aws/lambda/<trigger>/<topic>-<partition>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random>`, as mappings name it by their ids.
 */
export async function putObject(
  { s3, random }: ObjectOptions,
  arn: string,
  failed: FailedBatch,
  record: RecordWithPayload,
): Promise<void> {
  const time = isoMilliseconds(failed.failedMs).slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replaceAll(':', '.');
  const day = time.slice(0, 'YYYY-MM-DD'.length).replaceAll('-', '/');
  const Key = `aws/lambda/${failed.trigger.name}/${partitionName(failed)}/${day}/${time}-${uuid(random)}`;
  const { resource: Bucket } = partsOf(arn);
  try {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: JSON.stringify(record), ContentType: 'application/json' }));
  } catch (error) {
    throw destinationError(error, arn);
  }
}

/** With the payload where it fits. A queue that was told to take less gets the record without it. */
async function sendMessage(
  arn: string,
  record: RecordWithPayload,
  send: (message: string) => Promise<unknown>,
): Promise<void> {
  const { payload: _, ...bare } = record;
  const whole = asciiJson(record);
  if (whole.length <= triggerLimits.failureMessageBytesMax && (await isTaken(arn, () => send(whole)))) return;
  try {
    await send(asciiJson(bare));
  } catch (error) {
    throw destinationError(error, arn);
  }
}

/** False where the message was refused for what it is; throws whatever else went wrong. */
async function isTaken(arn: string, send: () => Promise<unknown>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    const failure = destinationError(error, arn);
    if (failure.reason !== 'rejected') throw failure;
    return false;
  }
}

function partsOf(arn: string): { partition: string; region: string; account: string; resource: string } {
  const [prefix, partition = '', , region = '', account = '', resource = ''] = arn.split(':');
  if (prefix !== 'arn' || resource === '') throw new DestinationError('missing', `${arn} is not an ARN`);
  return { partition, region, account, resource };
}

/** A random one (RFC 9562, version 4). */
function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
