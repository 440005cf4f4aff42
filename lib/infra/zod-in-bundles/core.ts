/** `zod/v4/core` without its translations; see `zod.ts`. */
export * from 'zod/v4/core';
export const locales = {};
