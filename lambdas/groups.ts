/**
 * Consumer groups: polls, which join, commit and read records in one call; leave, commit; groups and what they have
 * committed. And the deletion of records, which may have to read some to find a time, as a reset of offsets does.
 */
import { mountDialectConsumers } from '../lib/http/dialect/consumers.ts';
import { mountDialectMethods } from '../lib/http/dialect/mount.ts';
import { mountDeleteRecords } from '../lib/http/native/delete-records.ts';
import { mountGroups } from '../lib/http/native/groups.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';

const routes = [mountGroups, mountDeleteRecords, mountDialectConsumers, mountDialectMethods];

export const handler = apiHandler(createBackend({ service: 'millrace-groups', routes }));
