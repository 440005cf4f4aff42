import { createHash } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FailureTarget } from '../../../lib/coordination/triggers/trigger.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import type { Random } from '../../../lib/kernel/random.ts';
import type { NewRecord } from '../../../lib/log/record-batch/record.ts';
import { destinationClientConfig } from '../../../lib/triggers/destinations/aws-destinations.ts';
import { createDestinations } from '../../../lib/triggers/destinations/create-destinations.ts';
import type { InvocationRecord } from '../../../lib/triggers/destinations/invocation-record.ts';
import type { FailedBatch, FailureDestinations } from '../../../lib/triggers/ports.ts';
import { sampleRecord, sampleTrigger } from '../event/event-samples.ts';
import { type ScriptedServer, startScriptedServer } from '../scripted-server.ts';

const ORIGIN = {
  eventSourceArn: 'arn:aws:kafka:eu-central-1:123456789012:cluster/millrace/0-0',
  bootstrapServers: 'b-1.example:9092',
};
const QUEUE: FailureTarget = { kind: 'sqs', arn: 'arn:aws:sqs:eu-central-1:123456789012:poison' };
const SNS: FailureTarget = { kind: 'sns', arn: 'arn:aws:sns:eu-central-1:123456789012:poison' };
const BUCKET: FailureTarget = { kind: 's3', arn: 'arn:aws:s3:::poison' };
const TOPIC: FailureTarget = { kind: 'topic', topic: 'orders.poison' };

const PUBLISHED = {
  status: 200,
  body: '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>',
};
/** As SQS answers: the client compares the digest with that of what it has sent. */
const SENT = {
  status: 200,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: (request: string) => {
    const { MessageBody = '' } = JSON.parse(request) as { MessageBody?: string };
    return JSON.stringify({ MessageId: '1', MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') });
  },
};
const refusal = (status: number, type: string) => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: 'sorry' }),
});

const random: Random = { fraction: () => 0, bytes: (length) => new Uint8Array(length).fill(0xab) };

function failedBatch(onFailure: FailureTarget, parts: Partial<FailedBatch> = {}): FailedBatch {
  const records = [sampleRecord(), sampleRecord({ offset: 16, timestamp: 1_545_084_650_990, key: null })];
  return {
    trigger: sampleTrigger({ onFailure }),
    topic: 'orders',
    topicId: 'AAAAAAAAQACAAAAAAAAAAA',
    partition: 3,
    records,
    condition: 'RetriesExhausted',
    attempts: 3,
    error: { kind: 'Unhandled', message: 'TypeError: no such order \uffff' },
    requestId: 'r-1',
    offsets: { first: 15, last: 16 },
    timestamps: { firstMs: 1_545_084_650_987, lastMs: 1_545_084_650_990 },
    failedMs: Date.UTC(2026, 10, 22, 21, 4, 5, 678),
    ...parts,
  };
}

describe('destinations', () => {
  let server: ScriptedServer;
  let destinations: FailureDestinations;
  let close: () => void;
  let produced: { topic: string; records: readonly NewRecord[] }[];
  let refuseWith: Error | undefined;

  beforeEach(async () => {
    server = await startScriptedServer();
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const common = { endpoint: server.url, region: 'eu-central-1', credentials };
    // The SDK's pauses between attempts are real.
    const sqs = new SQSClient({ ...destinationClientConfig(), ...common, maxAttempts: 1 });
    const sns = new SNSClient({ ...destinationClientConfig(), ...common, maxAttempts: 1 });
    const s3 = new S3Client({ ...common, forcePathStyle: true, maxAttempts: 1 });
    close = () => [sqs, sns, s3].forEach((client) => client.destroy());
    produced = [];
    refuseWith = undefined;
    const produce = async (topic: string, records: readonly NewRecord[]) => {
      if (refuseWith !== undefined) throw refuseWith;
      produced.push({ topic, records });
    };
    destinations = createDestinations({ sqs, sns, s3, produce, origin: ORIGIN, random });
  });

  afterEach(async () => {
    close();
    await server.close();
  });

  const sqsMessage = (index = 0) => {
    const { QueueUrl, MessageBody } = JSON.parse(server.requests[index]?.body ?? '') as Record<string, string>;
    return { QueueUrl, text: MessageBody ?? '', record: JSON.parse(MessageBody ?? '') as InvocationRecord };
  };

  test("send a queue the record that Lambda's mappings send, and the event with it", async () => {
    server.script(SENT);
    await destinations.send(failedBatch(QUEUE));
    const { QueueUrl, text, record } = sqsMessage();
    expect(QueueUrl).toBe('https://sqs.eu-central-1.amazonaws.com/123456789012/poison');
    expect(text).toMatch(/^[ -~]*$/);
    const { payload = '', ...rest } = record;
    expect(rest).toEqual({
      requestContext: {
        requestId: 'r-1',
        functionArn: 'arn:aws:lambda:eu-central-1:123456789012:function:ship',
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: 3,
      },
      responseContext: { statusCode: 200, functionError: 'Unhandled' },
      version: '1.0',
      timestamp: '2026-11-22T21:04:05.678Z',
      KafkaBatchInfo: {
        batchSize: 2,
        ...ORIGIN,
        payloadSize: Buffer.byteLength(payload),
        recordsInfo: {
          'orders-3': {
            firstRecordOffset: '15',
            lastRecordOffset: '16',
            firstRecordTimestamp: '2018-12-17T22:10:50.987Z',
            lastRecordTimestamp: '2018-12-17T22:10:50.990Z',
          },
        },
      },
      error: { kind: 'Unhandled', message: 'TypeError: no such order \uffff' },
    });
    expect(JSON.parse(payload)).toMatchObject({
      eventSource: 'aws:kafka',
      records: { 'orders-3': [{ offset: 15 }, { offset: 16 }] },
    });
  });

  test('leave the event out of messages that would be too large', async () => {
    server.script(SENT);
    const value = new Uint8Array(triggerLimits.failureMessageBytesMax * 0.75);
    await destinations.send(failedBatch(QUEUE, { records: [sampleRecord({ value })] }));
    expect(server.requests).toHaveLength(1);
    expect(sqsMessage().record).not.toHaveProperty('payload');
  });

  test('send without the event what a queue refuses with it', async () => {
    server.script(refusal(400, 'InvalidParameterValue'), SENT);
    await destinations.send(failedBatch(QUEUE));
    expect(sqsMessage(0).record).toHaveProperty('payload');
    expect(sqsMessage(1).record).not.toHaveProperty('payload');
  });

  test('say that the function has not answered where it has not', async () => {
    server.script(SENT);
    const { requestId: _, ...unanswered } = failedBatch(QUEUE, {
      error: { kind: 'TooManyRequestsException', message: 'Rate Exceeded.' },
    });
    await destinations.send(unanswered);
    expect(sqsMessage().record).toMatchObject({ requestContext: { requestId: '' }, responseContext: null });
  });

  test('publish to an SNS topic', async () => {
    server.script(PUBLISHED);
    await destinations.send(failedBatch(SNS));
    const form = new URLSearchParams(server.requests[0]?.body);
    expect(form.get('TopicArn')).toBe(SNS.kind === 'sns' && SNS.arn);
    expect(JSON.parse(form.get('Message') ?? '')).toMatchObject({ KafkaBatchInfo: { batchSize: 2 } });
  });

  test('put an object that is named as mappings name it', async () => {
    server.script({ status: 200 });
    await destinations.send(failedBatch(BUCKET));
    expect(server.requests[0]).toMatchObject({ method: 'PUT' });
    expect(server.requests[0]?.path.split('?')[0]).toBe(
      '/poison/aws/lambda/ship/orders-3/2026/11/22/2026-11-22T21.04.05-abababab-abab-4bab-abab-abababababab',
    );
    expect(server.requests[0]?.body).toContain('RetryAttemptsExhausted');
  });

  test('produce each record to a topic, with headers that say what happened', async () => {
    await destinations.send(failedBatch(TOPIC));
    expect(produced).toHaveLength(1);
    const [{ topic, records }] = produced as [(typeof produced)[0]];
    expect(topic).toBe('orders.poison');
    expect(records.map((record) => [record.key, record.value, record.timestamp])).toEqual([
      [utf8('customer-7'), utf8('{"order":1}'), Date.UTC(2026, 10, 22, 21, 4, 5, 678)],
      [null, utf8('{"order":1}'), Date.UTC(2026, 10, 22, 21, 4, 5, 678)],
    ]);
    const [first, ...context] = records[1]?.headers ?? [];
    expect(first).toEqual(sampleRecord().headers[0]);
    expect(context.map(({ key, value }) => [key, Buffer.from(value ?? []).toString()])).toEqual([
      ['millrace.failure.trigger', 'ship'],
      ['millrace.failure.function', 'arn:aws:lambda:eu-central-1:123456789012:function:ship'],
      ['millrace.failure.condition', 'RetriesExhausted'],
      ['millrace.failure.attempts', '3'],
      ['millrace.failure.request-id', 'r-1'],
      ['millrace.failure.error-kind', 'Unhandled'],
      ['millrace.failure.error-message', 'TypeError: no such order \uffff'],
      ['millrace.failure.topic', 'orders'],
      ['millrace.failure.partition', '3'],
      ['millrace.failure.offset', '16'],
      ['millrace.failure.timestamp', '1545084650990'],
    ]);
  });

  test('take the end of a window that failed, which has no records', async () => {
    server.script(SENT);
    const { offsets: _, timestamps: __, ...empty } = failedBatch(QUEUE, { records: [] });
    await destinations.send(empty);
    expect(sqsMessage().record.KafkaBatchInfo).toMatchObject({ batchSize: 0, recordsInfo: {} });
    await destinations.send({ ...empty, trigger: sampleTrigger({ onFailure: TOPIC }) });
    expect(produced).toEqual([]);
  });

  test.each([
    [403, 'AccessDeniedException', 'denied'],
    [400, 'AccessDenied', 'denied'],
    [400, 'KmsAccessDenied', 'denied'],
    [400, 'KmsThrottled', 'unavailable'],
    [400, 'QueueDoesNotExist', 'missing'],
    [400, 'InvalidMessageContents', 'rejected'],
    [400, 'RequestThrottled', 'unavailable'],
    [500, 'InternalFailure', 'unavailable'],
  ])('reject with what they know of %i %s: %s', async (status, type, reason) => {
    server.script(refusal(status, type));
    await expect(destinations.send(failedBatch(QUEUE))).rejects.toMatchObject({ name: 'DestinationError', reason });
  });

  test('reject where the connection ends, a bucket is missing, or there is no client', async () => {
    server.script('reset');
    await expect(destinations.send(failedBatch(QUEUE))).rejects.toMatchObject({ reason: 'unavailable' });
    server.script({ status: 404, body: '<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>' });
    await expect(destinations.send(failedBatch(BUCKET))).rejects.toMatchObject({ reason: 'missing' });
    const none = createDestinations({ produce: async () => {}, origin: ORIGIN, random });
    await expect(none.send(failedBatch(SNS))).rejects.toMatchObject({ reason: 'missing' });
  });

  test.each([
    ['UNKNOWN_TOPIC_OR_PARTITION', 'missing'],
    ['FORBIDDEN', 'denied'],
    ['MESSAGE_TOO_LARGE', 'rejected'],
    ['KAFKA_STORAGE_ERROR', 'unavailable'],
  ] as const)('reject with what %s of a topic means: %s', async (code, reason) => {
    refuseWith = new MillraceError(code, 'no');
    await expect(destinations.send(failedBatch(TOPIC))).rejects.toMatchObject({ name: 'DestinationError', reason });
  });

  test('leave bugs as they are', async () => {
    refuseWith = new TypeError('undefined is not a function');
    await expect(destinations.send(failedBatch(TOPIC))).rejects.toBe(refuseWith);
  });
});
