/**
 * Makes a trigger. Its item and the claim on its group come in one transaction, after which nobody else drives the
 * group; then the partitions get their starting offsets, the trigger becomes ready, and `wake` is set, all before the
 * answer: what is produced after that is delivered. A crash in between leaves a trigger that is being created, which
 * the sweeper finishes.
 */
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { newTrigger, type TriggerInput } from '../../coordination/triggers/check-trigger.ts';
import { failureLoop } from '../../coordination/triggers/failure-loop.ts';
import type { Trigger } from '../../coordination/triggers/trigger.ts';
import {
  claimKey,
  decodeClaim,
  decodeTrigger,
  planTriggerCreation,
  planTriggerRemoval,
  TRIGGER_DIRECTORY,
  type TriggerRecord,
} from '../../coordination/triggers/trigger-item.ts';
import { countDeletion } from '../../kernel/deletion-count.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import type { Broker } from '../broker.ts';
import { createOnce, type Taken } from '../create-once.ts';
import { nonEmpty } from '../groups/delete-group.ts';
import { planEntry } from '../groups/group-directory.ts';
import { readMembers, readState } from '../groups/group-items.ts';
import { lookForMembers } from '../groups/look-over.ts';
import { newNonce } from '../groups/regroup.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { drivenBy } from './claim.ts';
import { findTrigger, noSuchTrigger, topicsOfTrigger } from './find-trigger.ts';
import { finishCreation, finishDeletion, triggerDeletionName } from './finish-trigger.ts';
import { requireAllowed, type TargetPolicy } from './target-policy.ts';

/**
 * Throws what `newTrigger` does, `FORBIDDEN` (target-policy.ts), `UNKNOWN_TOPIC_OR_PARTITION`,
 * `TRIGGER_ALREADY_EXISTS`, `NON_EMPTY_GROUP`, `INCONSISTENT_GROUP_PROTOCOL` where another trigger drives the group,
 * `POLICY_VIOLATION` where there are too many triggers or partitions.
 */
export async function createTrigger(broker: Broker, policy: TargetPolicy, input: TriggerInput): Promise<TriggerRecord> {
  const { clock, random } = broker;
  const trigger = newTrigger(input);
  await requireTopics(broker, trigger);
  await requireAllowed(policy, trigger);
  await requireRoom(broker, trigger.name);
  await requireNoMembers(broker, trigger.group);
  const record: TriggerRecord = {
    trigger,
    nonce: newNonce(random),
    version: 1,
    phase: 'creating',
    createdMs: clock.now(),
  };
  await createOnce(broker, {
    what: `the trigger "${trigger.name}"`,
    name: triggerDeletionName(trigger.name),
    writes: [...planTriggerCreation(record), planEntry(trigger.group, clock.now())],
    judge: (key, item) => judge(broker, record, key, item),
    isThere: async () => (await findTrigger(broker, trigger.name))?.nonce === record.nonce,
  });
  broker.triggers.forget();
  await withdrawFromMembers(broker, record);
  try {
    const ready = await finishCreation(broker, record);
    if (ready === undefined) throw noSuchTrigger(trigger.name);
    return ready;
  } catch (error) {
    throw withEffect(error, 'unknown');
  }
}

/** Those that it names, and the one where what fails goes. */
export async function requireTopics(broker: Broker, trigger: Trigger): Promise<void> {
  if ('names' in trigger.topics) for (const name of trigger.topics.names) await broker.topics.getFresh(name);
  const topics = await topicsOfTrigger(broker, trigger);
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions, 0);
  if (partitions > groupLimits.groupPartitionsMax) {
    const detail = `The topics of the trigger have ${partitions} partitions: a group has at most ${groupLimits.groupPartitionsMax}.`;
    throw new MillraceError('POLICY_VIOLATION', detail);
  }
  if (trigger.onFailure?.kind !== 'topic') return;
  await broker.topics.getFresh(trigger.onFailure.topic);
  await requireNoLoop(broker, trigger, trigger.onFailure.topic);
}

/** Two that are made at the same moment may not see each other. */
async function requireNoLoop(broker: Broker, trigger: Trigger, topic: string): Promise<void> {
  const others = (await broker.triggers.listFresh()).filter(({ phase }) => phase !== 'deleting');
  const names = failureLoop(
    trigger,
    others.map((record) => record.trigger),
  );
  if (names === undefined) return;
  const detail = `What fails would go to the topic "${topic}" and come back for ever, by the triggers ${names.map((name) => `"${name}"`).join(', ')}.`;
  throw new MillraceError('INVALID_REQUEST', detail, { facts: { field: 'on_failure.topic' } });
}

/** Two that are made at the same moment may both find room. */
async function requireRoom(broker: Broker, name: string): Promise<void> {
  const others = (await broker.triggers.listFresh()).filter(({ trigger }) => trigger.name !== name);
  if (others.length < triggerLimits.triggersMax) return;
  throw new MillraceError(
    'POLICY_VIOLATION',
    `There are ${others.length} triggers: at most ${triggerLimits.triggersMax} are allowed.`,
  );
}

/** Throws `NON_EMPTY_GROUP`. */
async function requireNoMembers(broker: Broker, group: string): Promise<void> {
  checkGroupId(group);
  // Members that are gone without a word are not to be in the way.
  await lookForMembers(broker, group);
  if (await hasMembers(broker, group)) throw nonEmpty(group);
}

async function hasMembers({ metadata }: Broker, group: string): Promise<boolean> {
  const state = await readState(metadata, group);
  return (state?.members ?? 0) > 0 || (await readMembers(metadata, group)).size > 0;
}

/** Someone has joined the group just before it was claimed: see claim.ts. */
async function withdrawFromMembers(broker: Broker, record: TriggerRecord): Promise<void> {
  const { name, group } = record.trigger;
  if (!(await hasMembers(broker, group))) return;
  await writeRepeatedly(broker.metadata, [...planTriggerRemoval(record), countDeletion(triggerDeletionName(name))]);
  broker.triggers.forget();
  throw nonEmpty(group);
}

function judge(broker: Broker, { trigger, nonce }: TriggerRecord, { pk, sk }: ItemKey, item: Attributes): Taken {
  if (pk !== TRIGGER_DIRECTORY) {
    const claim = claimKey(trigger.group);
    if (pk !== claim.pk || sk !== claim.sk) throw new Error(`${pk} / ${sk} is no item of a trigger`);
    return { refusal: drivenBy(trigger.group, decodeClaim(item)) };
  }
  const found = decodeTrigger(trigger.name, item);
  if (found.nonce === nonce) return 'ours';
  if (found.phase === 'deleting') return { free: () => finishDeletion(broker, found) };
  return { refusal: new MillraceError('TRIGGER_ALREADY_EXISTS', `There is a trigger "${trigger.name}" already.`) };
}
