/**
 * Kafka's ACLs have no counterpart here: what a principal may do is written in its key's grants, which are made with
 * the key. Scopes are fewer than Kafka's operations, grants cover prefixes and not single topics, and nobody is denied
 * anything; so what a client would create could not be kept as it is meant. Who manages ACLs is answered as by a broker
 * without an authorizer.
 */
import type { Call } from '../api.ts';
import { type Failure, wireCodes } from '../failures.ts';
import { clusterDenied, isAllowed } from './authorization.ts';

const SECURITY_DISABLED: Failure = {
  code: wireCodes.SECURITY_DISABLED,
  message: 'There are no ACLs here: what a principal may do is in the grants of its key.',
};

/** Why ACLs can be neither listed nor changed. */
export function noAuthorizer(call: Call): Failure {
  return isAllowed(call, 'admin') ? SECURITY_DISABLED : clusterDenied;
}
