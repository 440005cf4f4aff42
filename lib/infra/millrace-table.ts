import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { type Removal, removalPolicy } from './removal.ts';

export interface MillraceTableProps {
  /** Default `retain`, which also turns DynamoDB's deletion protection on. */
  removal?: Removal;
  /** Encrypts the table, its stream and its backups. Default: DynamoDB's own. */
  key?: IKey;
}

/**
 * The tenant's one table (`pk`, `sk`): on-demand, so that an idle tenant pays for storage only; point-in-time recovery
 * over 35 days; a stream, which triggers filter on and which costs nothing while nobody reads it.
 *
 * Deliberately has no TTL attribute: items go by conditional writes that check what else still points to them, and
 * DynamoDB's TTL deletes without a condition.
 */
export class MillraceTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string, props: MillraceTableProps = {}) {
    super(scope, id);
    const removal = props.removal ?? 'retain';
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: props.key === undefined ? TableEncryption.DEFAULT : TableEncryption.CUSTOMER_MANAGED,
      ...(props.key !== undefined && { encryptionKey: props.key }),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 35 },
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
      deletionProtection: removal === 'retain',
      removalPolicy: removalPolicy(removal),
    });
  }
}
