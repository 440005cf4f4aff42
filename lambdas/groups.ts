/** Consumer groups: polls, which join, commit and read records in one call; leave, commit; groups and what they have committed. */
import { mountGroups } from '../lib/http/native/groups.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

export const handler = apiHandler(createBackend({ service: 'millrace-groups', routes: [mountGroups] }));
