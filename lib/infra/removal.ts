import { RemovalPolicy } from 'aws-cdk-lib';

/**
 * What happens to a tenant's data when its stack goes: `retain` leaves table, buckets and secret in the account;
 * `destroy` deletes them with the stack (buckets only when they are empty).
 */
export type Removal = 'retain' | 'destroy';

export function removalPolicy(removal: Removal): RemovalPolicy {
  return removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
