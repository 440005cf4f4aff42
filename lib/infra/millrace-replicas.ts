import { Aws, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnBucketPolicy, CfnDirectoryBucket } from 'aws-cdk-lib/aws-s3express';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from './acknowledge.ts';
import { checkEncryptable } from './encryption.ts';
import { type BackendRole, MERGED_NAMES, permissionsIn, permissionsOf, sessionModeOf } from './permissions.ts';
import { type Removal, removalPolicy } from './removal.ts';
import type { ReplicaLocation } from './replica-locations.ts';

export interface MillraceReplicasProps {
  /** In the order in which the replicas were added: a replica's place is its number for life. */
  locations: readonly ReplicaLocation[];
  /** The stack's own bucket. */
  bucket: IBucket;
  /** Of directory buckets. Default `retain`. */
  removal?: Removal;
  /** Of directory buckets. Default: S3's own. With a key there can be no buckets of other regions. */
  key?: IKey;
}

interface PlacedReplica {
  id: number;
  name: string;
  bucket: string;
  region: string;
  rack: string;
}

/**
 * The buckets of a tenant's replicated topics, and who may do what with them.
 *
 * A directory bucket (S3 Express One Zone) keeps its objects in one zone, encrypted, and is private by itself: it has
 * no ACLs, and public access cannot be allowed. It gets a name from CloudFormation, because a name of our own would
 * have to be free in the zone, among all accounts. S3 writes no access logs of directory buckets.
 *
 * Buckets in other regions exist before the stack, since a stack makes buckets in its own region only.
 */
export class MillraceReplicas extends Construct {
  /** Directory buckets by zone. */
  readonly directoryBuckets: ReadonlyMap<string, CfnDirectoryBucket>;
  /** What the functions get as `MILLRACE_REPLICAS`. */
  readonly configuration: string;
  private readonly foreign: readonly { bucket: string; region: string }[];

  constructor(scope: Construct, id: string, props: MillraceReplicasProps) {
    super(scope, id);
    if (props.key !== undefined) checkEncryptable(props.locations);
    const directoryBuckets = new Map<string, CfnDirectoryBucket>();
    for (const location of props.locations) {
      if (location.kind === 'zone') directoryBuckets.set(location.zone, this.addDirectoryBucket(location.zone, props));
    }
    this.directoryBuckets = directoryBuckets;
    this.foreign = props.locations.flatMap((location) => (location.kind === 'bucket' ? [location] : []));
    this.configuration = Stack.of(this).toJsonString(this.placed(props));
  }

  /** What the role of `lambda` needs beside its permissions on the own bucket. */
  statements(lambda: BackendRole): PolicyStatement[] {
    return [...this.sessionStatements(lambda), ...this.foreignStatements(lambda)];
  }

  /** Accepts that objects of the buckets in other regions have names made at run time. */
  acknowledgeObjectNames(role: Construct, lambda: BackendRole): void {
    if (permissionsOf[lambda].objects.length === 0) return;
    for (const { bucket } of this.foreign) {
      const reason =
        'Object names are made at run time. The actions are single ones, and the bucket must be of the same account.';
      acknowledgeWildcard(role, objectsArn(bucket), reason);
      if (permissionsOf[lambda].merged !== undefined) acknowledgeWildcard(role, mergedArn(bucket), reason);
    }
  }

  private addDirectoryBucket(zone: string, { removal = 'retain', key }: MillraceReplicasProps): CfnDirectoryBucket {
    const bucket = new CfnDirectoryBucket(this, `Zone-${zone}`, {
      locationName: zone,
      dataRedundancy: 'SingleAvailabilityZone',
      bucketEncryption: { serverSideEncryptionConfiguration: [directoryBucketEncryption(key)] },
      // An upload takes seconds; what is incomplete after a day was left by a crash.
      lifecycleConfiguration: {
        rules: [{ abortIncompleteMultipartUpload: { daysAfterInitiation: 1 }, status: 'Enabled' }],
      },
    });
    bucket.applyRemovalPolicy(removalPolicy(removal));
    const policy = new CfnBucketPolicy(this, `Policy-${zone}`, {
      bucket: bucket.ref,
      // Every request to an object needs a session, so that refusing the session refuses them all.
      policyDocument: new PolicyDocument({
        statements: [
          new PolicyStatement({
            effect: Effect.DENY,
            principals: [new AnyPrincipal()],
            actions: ['s3express:CreateSession'],
            resources: [bucket.attrArn],
            conditions: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
          // Without a session of its own, S3 could not carry out the lifecycle (User Guide, "Working with S3 Lifecycle
          // for directory buckets").
          new PolicyStatement({
            effect: Effect.ALLOW,
            principals: [new ServicePrincipal('lifecycle.s3.amazonaws.com')],
            actions: ['s3express:CreateSession'],
            resources: [bucket.attrArn],
            conditions: { StringEquals: { 's3express:SessionMode': 'ReadWrite' } },
          }),
        ],
      }),
    });
    policy.applyRemovalPolicy(removalPolicy(removal));
    return bucket;
  }

  private placed({ locations, bucket }: MillraceReplicasProps): PlacedReplica[] {
    const others = locations.filter(({ kind }) => kind !== 'own');
    return locations.map((location) => {
      const id = others.indexOf(location) + 1; // 0 for the own bucket
      switch (location.kind) {
        case 'own':
          return { id, name: 'own', bucket: bucket.bucketName, region: Aws.REGION, rack: Aws.REGION };
        case 'zone': {
          const { zone } = location;
          const name = (this.directoryBuckets.get(zone) as CfnDirectoryBucket).ref;
          return { id, name: zone, bucket: name, region: Aws.REGION, rack: zone };
        }
        case 'bucket':
          return { id, name: location.bucket, bucket: location.bucket, region: location.region, rack: location.region };
      }
    });
  }

  private sessionStatements(lambda: BackendRole): PolicyStatement[] {
    const mode = sessionModeOf(lambda);
    if (mode === undefined || this.directoryBuckets.size === 0) return [];
    return [
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['s3express:CreateSession'],
        resources: [...this.directoryBuckets.values()].map(({ attrArn }) => attrArn),
        conditions: { StringEquals: { 's3express:SessionMode': mode } },
      }),
    ];
  }

  private foreignStatements(lambda: BackendRole): PolicyStatement[] {
    const { objects, merged = [], bucket: onBucket } = permissionsIn(lambda, true);
    const resources = [
      { actions: objects, arns: this.foreign.map(({ bucket }) => objectsArn(bucket)) },
      { actions: merged, arns: this.foreign.map(({ bucket }) => mergedArn(bucket)) },
      { actions: onBucket, arns: this.foreign.map(({ bucket }) => bucketArn(bucket)) },
    ];
    return resources
      .filter(({ actions, arns }) => actions.length > 0 && arns.length > 0)
      .map(
        ({ actions, arns }) =>
          new PolicyStatement({
            effect: Effect.ALLOW,
            actions: [...actions],
            resources: arns,
            // A name that was given up can be taken by anyone; what is written must not go to them.
            conditions: { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } },
          }),
      );
  }
}

function bucketArn(bucket: string): string {
  return `arn:${Aws.PARTITION}:s3:::${bucket}`;
}

function objectsArn(bucket: string): string {
  return `${bucketArn(bucket)}/*`;
}

function mergedArn(bucket: string): string {
  return `${bucketArn(bucket)}/${MERGED_NAMES}`;
}

/**
 * A directory bucket has one customer managed key for life, named by its id or ARN, and always asks KMS once in a while
 * only.
 */
function directoryBucketEncryption(key: IKey | undefined): CfnDirectoryBucket.ServerSideEncryptionRuleProperty {
  if (key === undefined) return { serverSideEncryptionByDefault: { sseAlgorithm: 'AES256' } };
  return {
    serverSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: key.keyArn },
    bucketKeyEnabled: true,
  };
}
