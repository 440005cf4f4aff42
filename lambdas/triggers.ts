/**
 * Triggers over HTTP: made, changed, paused, set back, described and deleted, within what the deployment has granted.
 */
import { mountTriggers } from '../lib/http/native/triggers.ts';
import { apiHandler } from './support/api-handler.ts';
import { createBackend } from './support/backend.ts';
import { deployedTargetPolicy } from './support/deployed-targets.ts';

const door = { targetPolicy: deployedTargetPolicy() };

export const handler = apiHandler(createBackend({ service: 'millrace-triggers', routes: [mountTriggers], door }));
