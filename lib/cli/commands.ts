/** All commands, in the order in which the help lists them. */
import type { Command } from './command.ts';
import { consume } from './consume/consume.ts';
import { deleteRecords } from './delete-records.ts';
import { createErasure, deleteErasures, describeErasure, listErasures, waitForErasures } from './erasures.ts';
import { deleteGroups, describeGroup, listGroups } from './groups/groups.ts';
import { resetGroup } from './groups/reset.ts';
import { createKey, deleteKeys, listKeys } from './keys.ts';
import { offsets } from './offsets.ts';
import { produce } from './produce/produce.ts';
import { alterTopic, createTopic, deleteTopics, describeTopic, listTopics } from './topics.ts';
import { createTrigger } from './triggers/create.ts';
import { replayTrigger } from './triggers/replay.ts';
import { deleteTriggers, describeTrigger, listTriggers, pauseTriggers, resumeTriggers } from './triggers/triggers.ts';

export const commands: readonly Command[] = [
  listTopics,
  createTopic,
  describeTopic,
  alterTopic,
  deleteTopics,
  deleteRecords,
  produce,
  consume,
  offsets,
  listGroups,
  describeGroup,
  resetGroup,
  deleteGroups,
  listTriggers,
  createTrigger,
  describeTrigger,
  pauseTriggers,
  resumeTriggers,
  replayTrigger,
  deleteTriggers,
  listErasures,
  createErasure,
  describeErasure,
  waitForErasures,
  deleteErasures,
  listKeys,
  createKey,
  deleteKeys,
];
