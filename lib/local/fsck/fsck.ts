/**
 * `millrace fsck`: the consistency check from a terminal, on the stores themselves, without a server. Findings go to
 * stdout, everything that is said to a person to stderr.
 */
import { Check, type CheckPlace } from '../../broker/check/check.ts';
import type { CheckCounts } from '../../broker/check/context.ts';
import type { Finding } from '../../broker/check/finding.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { EXIT, exitCodeOf, type OfflineWorld, withBroker } from '../offline.ts';
import { type FsckOptions, fsckHelp, parseFsckOptions } from './options.ts';

/** The exit code. */
export function fsck(world: OfflineWorld): Promise<number> {
  return exitCodeOf(world, 'fsck', async () => {
    const options = parseFsckOptions(world.args, world.env);
    if (options !== undefined) {
      return withBroker(world, options.storage, (broker, { metadata }) =>
        walk(world, options, new Check({ broker, table: metadata, deep: options.deep })),
      );
    }
    world.stdout(fsckHelp());
    return EXIT.done;
  });
}

async function walk(world: OfflineWorld, { json }: FsckOptions, check: Check): Promise<number> {
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
    if (clock.monotonic() - toldMs < cliLimits.cliProgressMs) continue;
    toldMs = clock.monotonic();
    world.stderr(`${summary(check.counts, found)}\n`);
  } while (place !== undefined);
  world.stderr(`${summary(check.counts, found)}\n`);
  if (found > 0) return EXIT.findings;
  return check.counts.unjudged > 0 ? EXIT.unable : EXIT.done;
}

function lineOf({ severity, kind, topic, what }: Finding): string {
  return `${severity}: ${kind}: ${topic === undefined ? '' : `${topic}: `}${what}\n`;
}

function summary({ ledgers, pages, segments, objects, items, unjudged }: CheckCounts, found: number): string {
  const seen = `${ledgers} ledgers, ${pages} pages, ${segments} merged segments, ${objects} objects, ${items} items`;
  const rest = unjudged === 0 ? '' : `; ${unjudged} could not be judged`;
  return `Went through ${seen}: ${found === 0 ? 'nothing is wrong' : `${found} findings`}${rest}.`;
}
