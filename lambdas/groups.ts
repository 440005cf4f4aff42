/** Consumer groups: polls, which join, commit and read records in one call; leave, commit; groups and what they have committed. */
import { mountDialectConsumers } from '../lib/http/dialect/consumers.ts';
import { mountDialectMethods } from '../lib/http/dialect/mount.ts';
import { mountGroups } from '../lib/http/native/groups.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

const routes = [mountGroups, mountDialectConsumers, mountDialectMethods];

export const handler = apiHandler(createBackend({ service: 'millrace-groups', routes }));
