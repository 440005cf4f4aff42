#!/usr/bin/env node
/**
 * The local server's command. It imports nothing before it knows that Node is new enough: an older one fails at the
 * first import that needs more, and says nothing that helps.
 */
import { nodeTooOld } from './node-version.ts';

const tooOld = nodeTooOld(process.versions.node);
if (tooOld === undefined) {
  const { run } = await import('./run.ts');
  await run();
} else {
  process.stderr.write(`millrace: ${tooOld}\n`);
  process.exit(1);
}
