#!/usr/bin/env node
/**
 * The package's command. `millrace serve` is the local server, `millrace gateway` the Kafka gateway alone, and
 * `millrace fsck` and `millrace restore` work on what one has stored, with their own flags; everything else is the
 * command line, which talks to a server. This file alone knows of both. Like main.ts it imports nothing more before it
 * knows that Node is new enough.
 */
import { nodeTooOld } from './node-version.ts';

const [command, ...args] = process.argv.slice(2);
const tooOld = nodeTooOld(process.versions.node);

if (tooOld !== undefined) {
  process.stderr.write(`millrace: ${tooOld}\n`);
  process.exit(1);
} else if (command === 'serve') {
  process.argv.splice(2, process.argv.length, ...args);
  await import('./main.ts');
} else if (command === 'gateway') {
  const { run } = await import('./gateway/process.ts');
  await run(args);
} else if (command === 'fsck') {
  const { run } = await import('./fsck/process.ts');
  await run(args);
} else if (command === 'restore') {
  const { run } = await import('./restore/process.ts');
  await run(args);
} else {
  const { run } = await import('../cli/process.ts');
  await run();
}
