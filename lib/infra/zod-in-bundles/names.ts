/** `zod/v4` without its translations; see `zod.ts`. A name that is exported here takes the place of one that `*` brings. */
export * from 'zod/v4';
export * as core from './core.ts';
export const locales = {};
