import { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, type BucketProps, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { corsRules } from './cors-origins.ts';
import { type Removal, removalPolicy } from './removal.ts';

export interface MillraceBucketProps {
  /** Default `retain`. */
  removal?: Removal;
  /** How long S3's access logs are kept. Default 90. */
  logRetentionDays?: number;
  /** Of the objects. Default: S3's own. */
  key?: IKey;
  /** Whose pages may read ranges of the objects by signed URLs. Default: none. */
  corsOrigins?: readonly string[];
}

/** CDK then lets S3 write access logs by a bucket policy instead of an ACL, which `BUCKET_OWNER_ENFORCED` refuses. */
const LOGS_BY_POLICY = '@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy';

/** What every bucket of a tenant is: encrypted, private, TLS 1.2 or newer only, without ACLs. */
const PRIVATE_BUCKET: BucketProps = {
  encryption: BucketEncryption.S3_MANAGED,
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
};

/**
 * The tenant's segment objects, and a second bucket for the access logs of the first. S3 delivers access logs to
 * buckets with its own encryption only, whatever the objects are encrypted with; they have names of objects, and no
 * records.
 *
 * Not versioned: a name is used once and its bytes never change, so there is no older version to go back to; a version
 * would only keep (and bill) what retention and erasure have deleted.
 */
export class MillraceBucket extends Construct {
  readonly bucket: Bucket;
  /** Access logs of `bucket`, and of a web function's code bucket. */
  readonly accessLogs: Bucket;

  constructor(scope: Construct, id: string, props: MillraceBucketProps = {}) {
    super(scope, id);
    this.node.setContext(LOGS_BY_POLICY, true);
    const policy = removalPolicy(props.removal ?? 'retain');
    this.accessLogs = new Bucket(this, 'AccessLogs', {
      ...PRIVATE_BUCKET,
      removalPolicy: policy,
      lifecycleRules: [
        {
          expiration: Duration.days(props.logRetentionDays ?? 90),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    });
    acknowledge(
      this.accessLogs,
      'AwsSolutions-S1',
      'This bucket receives the access logs; logging its own access would make it write to itself for ever.',
    );
    this.bucket = new Bucket(this, 'Objects', {
      ...PRIVATE_BUCKET,
      // With a bucket key S3 asks KMS once in a while, not for each object.
      ...(props.key !== undefined && {
        encryption: BucketEncryption.KMS,
        encryptionKey: props.key,
        bucketKeyEnabled: true,
      }),
      removalPolicy: policy,
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: 'objects/',
      cors: corsRules(props.corsOrigins ?? []),
      // An upload takes seconds; what is incomplete after a day was left by a crash.
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
  }

  /**
   * A versioned bucket for code packages, which Lambda Web Functions read their code from. Every version but the
   * current one may go: a revision's code is deleted with the revision.
   */
  addCodeBucket(scope: Construct, id: string): Bucket {
    return new Bucket(scope, id, {
      ...PRIVATE_BUCKET,
      versioned: true,
      removalPolicy: removalPolicy('destroy'),
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: 'code/',
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
  }
}
