/**
 * Triggers as CloudFormation resources (lib/infra/triggers/millrace-event-source.ts): created, changed and deleted as
 * it asks.
 *
 * Requests may come twice, since Lambda repeats an invocation that failed. So what is there as it was asked for counts
 * as made, and what is gone as deleted. The resource's physical id is the trigger's name; what was refused before
 * anything was made gets one that is no name, because CloudFormation deletes by it what it could not create, and a
 * trigger of that name is someone else's.
 *
 * Grants are not looked at: they come with the same deployment as the trigger. What is in another region is refused,
 * though: at synthesis ARNs need not be known.
 */
import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import type { Broker } from '../../lib/broker/broker.ts';
import { alterTrigger } from '../../lib/broker/triggers/alter-trigger.ts';
import { createTrigger } from '../../lib/broker/triggers/create-trigger.ts';
import { deleteTrigger } from '../../lib/broker/triggers/delete-trigger.ts';
import { findTrigger } from '../../lib/broker/triggers/find-trigger.ts';
import { regionalPolicy, type TargetPolicy } from '../../lib/broker/triggers/target-policy.ts';
import { newTrigger, type TriggerInput } from '../../lib/coordination/triggers/check-trigger.ts';
import type { FailureTarget, Trigger } from '../../lib/coordination/triggers/trigger.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';

export interface Registration {
  status: 'SUCCESS' | 'FAILED';
  physicalId: string;
  /** Of a failure: the error's sentence. */
  reason?: string;
}

/** Begins what is no trigger's name. */
const NOTHING_MADE = 'refused:';

const grantedWithIt: TargetPolicy = { allows: async () => ({ allowed: true }) };

/** The service token is the registrar's ARN, and the dispatcher is where that is. */
function policyOf({ ResourceProperties }: CloudFormationCustomResourceEvent): TargetPolicy {
  const [, , , region] = ResourceProperties.ServiceToken.split(':');
  return region === undefined ? grantedWithIt : regionalPolicy(grantedWithIt, region);
}

/** Never rejects for what the request is to blame for. */
export async function registerTrigger(broker: Broker, event: CloudFormationCustomResourceEvent): Promise<Registration> {
  try {
    return { status: 'SUCCESS', physicalId: await register(broker, event) };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { status: 'FAILED', reason: error.message, physicalId: idOfFailed(event, error) };
  }
}

/** The physical id for what is not known to have failed: what may have been made is deleted by it. */
export function physicalIdOf(event: CloudFormationCustomResourceEvent): string {
  return event.RequestType === 'Create' ? requested(event).name : event.PhysicalResourceId;
}

async function register(broker: Broker, event: CloudFormationCustomResourceEvent): Promise<string> {
  switch (event.RequestType) {
    case 'Create':
      return await create(broker, policyOf(event), requested(event));
    case 'Update':
      return await update(broker, policyOf(event), event.PhysicalResourceId, requested(event));
    case 'Delete':
      await remove(broker, event.PhysicalResourceId);
      return event.PhysicalResourceId;
  }
}

async function create(broker: Broker, policy: TargetPolicy, input: TriggerInput): Promise<string> {
  try {
    await createTrigger(broker, policy, input);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'TRIGGER_ALREADY_EXISTS') throw error;
    const found = await findTrigger(broker, input.name);
    if (found === undefined || found.phase === 'deleting' || !isSame(found.trigger, newTrigger(input))) throw error;
  }
  return input.name;
}

/** Another name is another resource, of which CloudFormation deletes the former afterwards. */
async function update(broker: Broker, policy: TargetPolicy, name: string, input: TriggerInput): Promise<string> {
  const found = input.name === name ? await findTrigger(broker, name) : undefined;
  if (found === undefined || found.phase === 'deleting') return await create(broker, policy, input);
  const wanted = newTrigger(input);
  if (isSame(beginning(found.trigger), beginning(wanted))) {
    const { topics: _, startingPosition: _start, group: _group, name: _name, ...changes } = wanted;
    const { onFailure = null, tenantId = null } = wanted;
    await alterTrigger(broker, policy, name, { ...changes, onFailure, tenantId });
    return name;
  }
  // The group keeps what it has committed, so that what was delivered is not delivered again.
  await remove(broker, name);
  return await create(broker, policy, input);
}

/** What no change of a trigger changes. */
function beginning({
  topics,
  group,
  startingPosition,
}: Trigger): Pick<Trigger, 'topics' | 'group' | 'startingPosition'> {
  return { topics, group, startingPosition };
}

async function remove(broker: Broker, physicalId: string): Promise<void> {
  if (physicalId.startsWith(NOTHING_MADE)) return;
  try {
    await deleteTrigger(broker, physicalId);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'NOT_FOUND') throw error;
  }
}

function idOfFailed(event: CloudFormationCustomResourceEvent, { effect }: MillraceError): string {
  if (event.RequestType !== 'Create') return event.PhysicalResourceId;
  return effect === 'none' ? `${NOTHING_MADE}${event.RequestId}` : physicalIdOf(event);
}

function requested({ ResourceProperties }: CloudFormationCustomResourceEvent): TriggerInput {
  const { Trigger: text, Destination: destination } = ResourceProperties as {
    Trigger?: unknown;
    Destination?: unknown;
  };
  if (typeof text !== 'string') throw new MillraceError('INVALID_REQUEST', 'The resource has no property "Trigger".');
  const input = JSON.parse(text) as TriggerInput;
  if (typeof destination !== 'string') return input;
  return { ...input, onFailure: failureTarget(destination) };
}

/** `kafka://<topic>`, as CDK's `KafkaDlq` says it, or an ARN. */
function failureTarget(destination: string): FailureTarget {
  const [, topic] = /^kafka:\/\/(.+)$/.exec(destination) ?? [];
  if (topic !== undefined) return { kind: 'topic', topic };
  const [, kind] = /^arn:[^:]+:(sqs|sns|s3):/.exec(destination) ?? [];
  if (kind !== undefined) return { kind: kind as 'sqs' | 'sns' | 's3', arn: destination };
  const detail = `"${destination}" is no queue, SNS topic, bucket or topic, which are what records that failed can go to.`;
  throw new MillraceError('INVALID_REQUEST', detail, { facts: { field: 'on_failure' } });
}

function isSame(one: object, other: object): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

/** Which of equal settings was written first means nothing. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
