/**
 * A day of traffic and a quiet one after it, in a process of its own whose limits are scaled. Prints a line of JSON an
 * hour.
 */
// Before all others, which take up what it changes.
import './scaled-limits.ts';

import { checkLimits } from '../../lib/kernel/limits/check.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { type Inventory, inventoryOf } from './inventory.ts';
import { SCALE, Stack } from './traffic.ts';

const HOUR_MS = 3_600_000;
const HOURS = 24;

/** What nobody refers to is only reported when it is as old as this. */
const QUIET_MS = checkLimits.checkGraceMs + 2 * HOUR_MS;

export interface DayReport {
  hours: Inventory[];
  /** Findings of the check, as text: right after the day, and after the quiet time. */
  findings: string[];
  quietFindings: string[];
  quiet: Inventory;
  checked: Record<string, number>;
  failedChores: string[];
  bytes: number;
  scale: number;
}

async function day(): Promise<DayReport> {
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  const stack = await Stack.open(async (clock) => {
    const inline = createInlineObjectStore({ metadata, clock, random: seededRandom(4) });
    const { inlineBytesMaxDefault: inlineBytesMax } = storageLimits;
    return {
      metadata,
      objects: createTieredObjectStore({ inline, bucket: createMemoryObjectStore(), inlineBytesMax }),
    };
  });
  const hours: Inventory[] = [];
  for (let hour = 1; hour <= HOURS; hour++) {
    await stack.pass(HOUR_MS);
    hours.push(await inventoryOf(stack.stores));
    console.error(`hour ${hour}: ${JSON.stringify(hours.at(-1)?.objects)}`);
  }
  const { findings } = await stack.check();
  await stack.pass(QUIET_MS, { isBusy: false });
  const quietCheck = await stack.check();
  const report = {
    hours,
    findings: findings.map((finding) => JSON.stringify(finding)),
    quietFindings: quietCheck.findings.map((finding) => JSON.stringify(finding)),
    quiet: await inventoryOf(stack.stores),
    checked: { ...quietCheck.counts },
    failedChores: stack.failed,
    bytes: stack.bytesWritten,
    scale: SCALE,
  };
  await metadata.close();
  return report;
}

console.log(JSON.stringify(await day()));
