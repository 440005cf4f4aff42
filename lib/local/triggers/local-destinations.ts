/**
 * Where a local server's triggers put what they give up. AWS is reached where a trigger names something there, and only
 * then.
 */
import type { Broker } from '../../broker/broker.ts';
import type { NewRecord } from '../../log/record-batch/record.ts';
import { createDestinations } from '../../triggers/destinations/create-destinations.ts';
import { produceAll } from '../../triggers/destinations/produce-all.ts';
import type { EventOrigin } from '../../triggers/event/render-event.ts';
import type { FailureDestinations } from '../../triggers/ports.ts';
import { OptionsError } from '../settings.ts';
import type { LocalTrigger } from './trigger-file.ts';

/** Throws `OptionsError` where AWS is wanted, and there are no credentials or no region. */
export async function openDestinations(
  { broker, origin, file }: { broker: Broker; origin: EventOrigin; file: string },
  triggers: readonly LocalTrigger[],
): Promise<FailureDestinations> {
  const clients = await awsClients(file, triggers);
  const produce = (topic: string, records: readonly NewRecord[]) => produceAll(broker, topic, records);
  return createDestinations({ ...clients, produce, origin, random: broker.random });
}

/** The ARNs that triggers of the file name. */
export function destinationArns(triggers: readonly LocalTrigger[]): string[] {
  return triggers.flatMap(({ input: { onFailure } }) =>
    onFailure === undefined || onFailure.kind === 'topic' ? [] : [onFailure.arn],
  );
}

async function awsClients(file: string, triggers: readonly LocalTrigger[]) {
  const first = triggers.find(({ input: { onFailure } }) => onFailure !== undefined && onFailure.kind !== 'topic');
  if (first === undefined) return {};
  const [{ SQSClient }, { SNSClient }, { S3Client }, { destinationClientConfig }, { s3ClientConfig }] =
    await Promise.all([
      import('@aws-sdk/client-sqs'),
      import('@aws-sdk/client-sns'),
      import('@aws-sdk/client-s3'),
      import('../../triggers/destinations/aws-destinations.ts'),
      import('../../storage/objects/s3.ts'),
    ]);
  const sqs = new SQSClient(destinationClientConfig());
  try {
    await sqs.config.region();
    await sqs.config.credentials();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OptionsError(
      `${file}: trigger "${first.input.name}": its on_failure is in AWS, which cannot be reached (${reason}): set AWS_REGION and credentials, or name a topic as in {"kind":"topic","topic":"failed"}`,
      { cause },
    );
  }
  return { sqs, sns: new SNSClient(destinationClientConfig()), s3: new S3Client(s3ClientConfig(process.env)) };
}
