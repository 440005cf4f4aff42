/**
 * What `zod` means inside a Lambda bundle: all of it but its translations, 0.26 MB of messages in languages that the
 * API does not speak. `@hono/zod-openapi` passes the namespace `z` on as a value, so a bundler keeps whatever it
 * exports. A name that a module exports itself takes the place of one that `export *` would bring.
 */
export * from 'zod/v4';
export * as core from './core.ts';
// oxlint-disable-next-line import/no-self-import -- zod's own `z` has the translations; this one is what is here.
export * as z from './zod.ts';
export const locales = {};
