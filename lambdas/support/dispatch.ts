/**
 * The dispatcher of a deployed stack: functions of Lambda, destinations of AWS, and a next dispatcher to hand on to.
 */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Broker } from '../../lib/broker/broker.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { s3ClientConfig } from '../../lib/storage/objects/s3.ts';
import { destinationClientConfig } from '../../lib/triggers/destinations/aws-destinations.ts';
import { createDestinations } from '../../lib/triggers/destinations/create-destinations.ts';
import { produceAll } from '../../lib/triggers/destinations/produce-all.ts';
import { Dispatcher } from '../../lib/triggers/dispatcher.ts';
import { createKafkaEventFormat } from '../../lib/triggers/event/kafka-event-format.ts';
import type { TriggerMeter } from '../../lib/triggers/ports.ts';
import { readStoredTrigger } from '../../lib/triggers/read-stored-trigger.ts';
import { createLambdaInvoker, lambdaClientConfig } from '../../lib/triggers/targets/lambda-invoker.ts';
import { readEventOrigin } from './environment.ts';
import { wakeDispatcher } from './wake-dispatcher.ts';

export interface DeployedDispatcherOptions {
  broker: Broker;
  meter: TriggerMeter;
  /** Its own name, to hand on to. */
  functionName: string;
}

/** Connects to nothing yet. Throws where the environment is wrong. */
export function createDeployedDispatcher({ broker, meter, functionName }: DeployedDispatcherOptions): Dispatcher {
  const origin = readEventOrigin(process.env);
  return new Dispatcher({
    broker,
    meter,
    invoker: createLambdaInvoker({ client: new LambdaClient(lambdaClientConfig()), clock: systemClock }),
    events: createKafkaEventFormat(origin),
    destinations: createDestinations({
      sqs: new SQSClient(destinationClientConfig()),
      sns: new SNSClient(destinationClientConfig()),
      s3: new S3Client(s3ClientConfig(process.env)),
      produce: (topic, records) => produceAll(broker, topic, records),
      origin,
      random: systemRandom,
    }),
    readTrigger: (name) => readStoredTrigger(broker, name),
    handOn: wakeDispatcher(functionName),
  });
}
