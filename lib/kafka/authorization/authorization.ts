/** What a call may do, with Kafka's codes for what it may not. */
import { mayDo, type Scope } from '../../coordination/tenants/principal.ts';
import type { Call } from '../api.ts';
import { type Failure, wireCodes } from '../failures.ts';

/** Where nobody is asked who they are, all may do all. */
export function isAllowed({ session: { principal }, gateway }: Call, scope: Scope, topic?: string): boolean {
  return gateway.authenticator === undefined || (principal !== undefined && mayDo(principal, scope, topic));
}

/** A topic shows itself to whoever has any scope on it. */
export function canSee(call: Call, topic: string): boolean {
  return isAllowed(call, 'consume', topic) || isAllowed(call, 'produce', topic);
}

/**
 * Whether the client may produce to any topic at all. Idempotent producers get their ids before they name a topic
 * (KIP-679).
 */
export function mayProduceSomewhere({ session: { principal }, gateway }: Call): boolean {
  return gateway.authenticator === undefined || principal?.grants.some(({ scope }) => scope !== 'consume') === true;
}

/**
 * The same of a topic that the client named by its id: ids are no secret, the names of topics that one may not see are.
 */
export function topicByIdDenied(call: Call, topic: string): Failure {
  return topicDenied(canSee(call, topic) ? topic : 'with this id');
}

export function topicDenied(topic: string): Failure {
  return { code: wireCodes.TOPIC_AUTHORIZATION_FAILED, message: `Not allowed on the topic ${topic}.` };
}

/**
 * Of a group whose members have topics that the caller may not see: nothing is told of it rather than a part, as in
 * Kafka.
 */
export const groupTopicsDenied: Failure = {
  code: wireCodes.TOPIC_AUTHORIZATION_FAILED,
  message: 'Members of the group have topics that the client may not see.',
};

export const clusterDenied: Failure = {
  code: wireCodes.CLUSTER_AUTHORIZATION_FAILED,
  message: 'Only who may administer all topics may do this.',
};
