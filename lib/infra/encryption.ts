import { Arn, ArnFormat, Stack, Token } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { OptionError } from './option-error.ts';
import { type BackendRole, permissionsIn, sessionModeOf } from './permissions.ts';
import { type Removal, removalPolicy } from './removal.ts';
import type { ReplicaLocation } from './replica-locations.ts';

/**
 * What a tenant's records are encrypted with: keys that AWS owns, a KMS key that the stack makes for this tenant alone,
 * or one that exists in its region, given as it is or by its ARN.
 */
export type Encryption = 'aws-owned' | 'tenant-key' | `arn:${string}` | IKey;

export interface EncryptionProps {
  tenant: string;
  /** Default `aws-owned`. */
  encryption?: Encryption;
  /** Of a key that the stack makes. Default `retain`. */
  removal?: Removal;
}

/** The key of table and buckets; `undefined` where AWS owns them. */
export function tenantKey(scope: Construct, id: string, props: EncryptionProps): IKey | undefined {
  const { tenant, encryption = 'aws-owned', removal = 'retain' } = props;
  if (encryption === 'aws-owned') return undefined;
  if (encryption === 'tenant-key') {
    return new Key(scope, id, {
      description: `Records of the Millrace tenant ${tenant}: without it they cannot be read any more`,
      enableKeyRotation: true,
      removalPolicy: removalPolicy(removal),
    });
  }
  if (typeof encryption === 'string') checkKeyArn(encryption);
  const key = typeof encryption === 'string' ? Key.fromKeyArn(scope, id, encryption) : encryption;
  const { region } = Stack.of(scope);
  const isKnown = !Token.isUnresolved(region) && !Token.isUnresolved(key.env.region);
  if (!isKnown || key.env.region === region) return key;
  throw new OptionError(`encryption names a key in ${key.env.region}; table and buckets are in ${region}.`);
}

/** An alias may be another key tomorrow, and directory buckets take none. */
function checkKeyArn(arn: string): void {
  if (Token.isUnresolved(arn)) return;
  const { service, resource } = Arn.split(arn, ArnFormat.SLASH_RESOURCE_NAME);
  if (service === 'kms' && resource === 'key') return;
  throw new OptionError(
    `encryption is "${arn}"; it is aws-owned, tenant-key, or the ARN of a KMS key, arn:aws:kms:region:account:key/id.`,
  );
}

/**
 * What the key does not encrypt would outlive it: a stack cannot say how a bucket is encrypted that it did not make.
 */
export function checkEncryptable(locations: readonly ReplicaLocation[]): void {
  for (const location of locations) {
    if (location.kind !== 'bucket') continue;
    const { bucket, region } = location;
    throw new OptionError(
      `replicas has ${bucket}@${region}, which the stack cannot encrypt with the key that encryption names: erasing the ` +
        'key would leave the records there. Use availability zones, or encryption=aws-owned.',
    );
  }
}

/**
 * What `lambda` may do with the key. DynamoDB and S3 call KMS on behalf of who calls them, so that each role needs what
 * its calls need (DynamoDB Developer Guide, "Encryption at rest usage notes"; S3 User Guide, "Using server-side
 * encryption with AWS KMS keys", for directory buckets too).
 *
 * Deliberately without the condition `kms:ViaService`: which name directory buckets and the table's stream go by is
 * nowhere written, and what the key has encrypted is handed out to nobody.
 */
export function keyStatements(
  key: IKey,
  lambda: BackendRole,
  where: { replicated: boolean; zones: boolean },
): PolicyStatement[] {
  const { table, objects, merged = [] } = permissionsIn(lambda, where.replicated);
  const onObjects = new Set([...objects, ...merged]);
  const actions = new Set<string>();
  if (table.length > 0) add(actions, 'kms:Decrypt', 'kms:DescribeKey');
  if (table.some((action) => WRITING_ITEMS.has(action))) {
    add(actions, 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext');
    add(actions, 'kms:ReEncryptFrom', 'kms:ReEncryptTo');
  }
  if (onObjects.has('s3:GetObject')) add(actions, 'kms:Decrypt');
  // An upload in parts decrypts what it has put before.
  if (onObjects.has('s3:PutObject')) add(actions, 'kms:GenerateDataKey', 'kms:Decrypt');
  // A session takes both, whatever it is for.
  if (where.zones && sessionModeOf(lambda) !== undefined) add(actions, 'kms:GenerateDataKey', 'kms:Decrypt');
  if (actions.size === 0) return [];
  return [new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions].toSorted(), resources: [key.keyArn] })];
}

const WRITING_ITEMS: ReadonlySet<string> = new Set(['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem']);

function add(actions: Set<string>, ...more: string[]): void {
  for (const action of more) actions.add(action);
}
