/**
 * `millrace fsck`: the consistency check from a terminal, on the stores themselves, without a server. Findings go to stdout,
 * everything that is said to a person to stderr.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createBroker } from '../../broker/broker.ts';
import { Check, type CheckPlace } from '../../broker/check/check.ts';
import type { CheckCounts } from '../../broker/check/context.ts';
import type { Finding } from '../../broker/check/finding.ts';
import { nodeCompression } from '../../broker/compression.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Random } from '../../kernel/random.ts';
import { createLogger } from '../logger.ts';
import { OptionsError } from '../options.ts';
import { openStores } from '../stores.ts';
import { type FsckOptions, fsckHelp, parseFsckOptions } from './options.ts';

export interface FsckWorld {
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  clock: Clock;
  random: Random;
  /** Ends it early. */
  interruption: AbortSignal;
}

const EXIT = { clean: 0, findings: 1, unable: 2, interrupted: 130 } as const;

/** The exit code. */
export async function fsck(world: FsckWorld): Promise<number> {
  try {
    const options = parseFsckOptions(world.args, world.env);
    if (options !== undefined) return await checkStores(world, options);
    world.stdout(fsckHelp());
    return EXIT.clean;
  } catch (error) {
    if (!(error instanceof OptionsError) && !(error instanceof MillraceError)) throw error;
    world.stderr(`millrace: ${error.message}${error instanceof OptionsError ? '; see millrace fsck --help' : ''}\n`);
    return EXIT.unable;
  }
}

async function checkStores(world: FsckWorld, options: FsckOptions): Promise<number> {
  const { storage } = options;
  if (storage.kind === 'directory') await requireDataDirectory(storage.path);
  const { clock, random } = world;
  const log = createLogger(clock, world.stderr);
  // It stores nothing, so that nobody asks it for URLs, nor how large an item may be.
  const stores = await openStores({ storage, inlineBytesMax: 0 }, { clock, random, log, baseUrl: () => '' });
  try {
    const { metadata, objects } = stores;
    const broker = createBroker({ metadata, objects, compression: nodeCompression, clock, random, log });
    return await walk(world, options, new Check({ broker, table: metadata, deep: options.deep }));
  } finally {
    await stores.close();
  }
}

/** A server makes what is not there; a check would find nothing wrong with it. */
async function requireDataDirectory(path: string): Promise<void> {
  try {
    await access(join(path, 'millrace.db'));
  } catch {
    throw new OptionsError(`${path} is no data directory of Millrace: it has no millrace.db that can be read`);
  }
}

async function walk(world: FsckWorld, { json }: FsckOptions, check: Check): Promise<number> {
  const { clock, interruption } = world;
  let place: CheckPlace | undefined;
  let toldMs = clock.monotonic();
  let found = 0;
  do {
    if (interruption.aborted) {
      world.stderr(`millrace: Interrupted. ${summary(check.counts, found)}\n`);
      return EXIT.interrupted;
    }
    const step = await check.step(place);
    for (const finding of step.findings) world.stdout(json ? `${JSON.stringify(finding)}\n` : lineOf(finding));
    found += step.findings.length;
    place = step.next;
    if (clock.monotonic() - toldMs < limits.cliProgressMs) continue;
    toldMs = clock.monotonic();
    world.stderr(`${summary(check.counts, found)}\n`);
  } while (place !== undefined);
  world.stderr(`${summary(check.counts, found)}\n`);
  if (found > 0) return EXIT.findings;
  return check.counts.unjudged > 0 ? EXIT.unable : EXIT.clean;
}

function lineOf({ severity, kind, topic, what }: Finding): string {
  return `${severity}: ${kind}: ${topic === undefined ? '' : `${topic}: `}${what}\n`;
}

function summary({ ledgers, pages, segments, objects, items, unjudged }: CheckCounts, found: number): string {
  const seen = `${ledgers} ledgers, ${pages} pages, ${segments} merged segments, ${objects} objects, ${items} items`;
  const rest = unjudged === 0 ? '' : `; ${unjudged} could not be judged`;
  return `Went through ${seen}: ${found === 0 ? 'nothing is wrong' : `${found} findings`}${rest}.`;
}
