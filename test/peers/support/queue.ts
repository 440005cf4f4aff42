/** A queue of SQS, on the server that serves S3 as well. */
import { randomUUID } from 'node:crypto';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '../../support/aws-sdk.ts';
import { S3_CREDENTIALS } from './s3-server.ts';

export interface TestQueue {
  readonly arn: string;
  /** Takes all messages out; their bodies, in no order. */
  drain(): Promise<string[]>;
  close(): void;
}

const MESSAGES_PER_CALL = 10;

/** A standard queue, with SQS's defaults. */
export async function makeQueue(endpoint: string, region: string): Promise<TestQueue> {
  const sqs = new SQSClient({ endpoint, region, credentials: S3_CREDENTIALS, useQueueUrlAsEndpoint: false });
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: `test-${randomUUID()}` }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return {
    arn: Attributes?.['QueueArn'] as string,
    drain: async () => {
      const bodies: string[] = [];
      for (;;) {
        const received = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: MESSAGES_PER_CALL });
        const { Messages = [] } = await sqs.send(received);
        if (Messages.length === 0) return bodies;
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        bodies.push(...Messages.map(({ Body = '' }) => Body));
      }
    },
    close: () => sqs.destroy(),
  };
}
