/** All commands, in the order in which the help lists them. */
import type { Command } from './command.ts';
import { consume } from './consume/consume.ts';
import { deleteGroups, describeGroup, listGroups } from './groups/groups.ts';
import { resetGroup } from './groups/reset.ts';
import { createKey, deleteKeys, listKeys } from './keys.ts';
import { offsets } from './offsets.ts';
import { produce } from './produce/produce.ts';
import { alterTopic, createTopic, deleteTopics, describeTopic, listTopics } from './topics.ts';

export const commands: readonly Command[] = [
  listTopics,
  createTopic,
  describeTopic,
  alterTopic,
  deleteTopics,
  produce,
  consume,
  offsets,
  listGroups,
  describeGroup,
  resetGroup,
  deleteGroups,
  listKeys,
  createKey,
  deleteKeys,
];
