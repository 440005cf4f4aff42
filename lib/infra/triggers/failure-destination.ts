import { Token } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, type IEventSourceDlq, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { S3OnFailureDestination, SnsDlq, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeImportedWildcard } from '../acknowledge.ts';
import { OptionError } from '../option-error.ts';

export interface FailureDestinationOptions {
  /** Of the trigger. */
  name: string;
  dispatcherArn: string;
  /** The dispatcher's, which sends in its own. */
  region: string;
  /** The dispatcher's, as the stack of the function knows it: what it is granted becomes a policy there. */
  role: IRole;
}

/** Grants the dispatcher what the destination takes, and returns the destination: an ARN, or `kafka://<topic>`. */
export function bindDestination(
  scope: Construct,
  onFailure: IEventSourceDlq,
  { name, dispatcherArn, region, role }: FailureDestinationOptions,
): string {
  checkDestination(onFailure, { name, region });
  if (onFailure instanceof S3OnFailureDestination) return bindBucket(onFailure['bucket'], role);
  const mapping = EventSourceMapping.fromEventSourceMappingId(scope, 'Mapping', name);
  const dispatcher = LambdaFunction.fromFunctionAttributes(scope, 'Dispatcher', {
    functionArn: dispatcherArn,
    role,
    sameEnvironment: true,
  });
  return onFailure.bind(mapping, dispatcher).destination;
}

/** What the API refuses too, where CDK knows it at synthesis. */
function checkDestination(
  onFailure: IEventSourceDlq,
  { name, region }: Pick<FailureDestinationOptions, 'name' | 'region'>,
): void {
  const to =
    onFailure instanceof SqsDlq ? onFailure['queue'] : onFailure instanceof SnsDlq ? onFailure['topic'] : undefined;
  if (to === undefined) return;
  const what = `The Millrace event source "${name}": onFailure: ${to.node.path}`;
  if (to.fifo) throw new OptionError(`${what} is FIFO; records that are given up go to standard queues and topics.`);
  const isKnown = !Token.isUnresolved(to.env.region) && !Token.isUnresolved(region);
  if (!isKnown || to.env.region === region) return;
  throw new OptionError(`${what} is in ${to.env.region}, the backend in ${region}; both must be in one region.`);
}

/**
 * Not by CDK's own grant: it lets the dispatcher read and delete all objects of the bucket, which only ever puts some.
 */
function bindBucket(bucket: IBucket, role: IRole): string {
  const objects = bucket.arnForObjects('*');
  role.addToPrincipalPolicy(new PolicyStatement({ actions: ['s3:PutObject'], resources: [objects] }));
  bucket.encryptionKey?.grant(role, 'kms:GenerateDataKey', 'kms:Decrypt');
  acknowledgeImportedWildcard(
    role,
    objects,
    { owner: bucket, value: bucket.bucketArn },
    'Objects are named when records are given up. The action is a single one, on the bucket of the failure destination.',
  );
  return bucket.bucketArn;
}
