/**
 * What `zod` means inside a Lambda bundle: all of it but its translations, 0.26 MB of messages in languages that the API
 * does not speak. `@hono/zod-openapi` passes the namespace `z` on as a value, so a bundler keeps whatever it exports.
 */
export * from './names.ts';
export * as z from './names.ts';
