/**
 * `millrace restore`: a lost index of merged segments made anew, from a terminal, on the stores themselves. What is
 * found goes to stdout, everything that is said to a person to stderr.
 */

import type { Broker } from '../../broker/broker.ts';
import { restoreSegments } from '../../broker/restore/restore-segments.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { EXIT, exitCodeOf, type OfflineWorld, withBroker } from '../offline.ts';
import { linesOf, type RestoreLine } from './lines.ts';
import { parseRestoreOptions, type RestoreOptions, restoreHelp } from './options.ts';

/** The exit code. */
export function restore(world: OfflineWorld): Promise<number> {
  return exitCodeOf(world, 'restore', async () => {
    const options = parseRestoreOptions(world.args, world.env);
    if (options !== undefined) return withBroker(world, options.storage, (broker) => run(world, options, broker));
    world.stdout(restoreHelp());
    return EXIT.done;
  });
}

async function run(world: OfflineWorld, { write, json, without }: RestoreOptions, broker: Broker): Promise<number> {
  const { interruption: signal, stdout, stderr } = world;
  const onProgress = progress(world);
  const counts = { objects: 0, segments: 0, left: 0 };
  for await (const step of restoreSegments(broker, { write, without, signal, onProgress })) {
    if (step.step === 'found') counts.objects = step.found.objects;
    for (const line of linesOf(step)) {
      stdout(json ? `${JSON.stringify(line)}\n` : lineOf(line));
      if (isLeft(line)) counts.left++;
    }
    if (step.step === 'ledger') {
      counts.segments += step.proposal.partitions.reduce((sum, { chosen }) => sum + chosen.length, 0);
    }
  }
  const { objects, segments, left } = counts;
  const sum = `${objects} merged objects, ${segments} segments ${write ? 'restored' : 'to be restored'}`;
  stderr(signal.aborted ? `millrace: Interrupted: ${sum}.\n` : `Went through ${sum}.\n`);
  if (signal.aborted) return EXIT.interrupted;
  if (!write && segments > 0) stderr('Nothing was changed: run it again with --write.\n');
  return left > 0 ? EXIT.findings : EXIT.done;
}

/** Whether it is still missing afterwards. What nobody needs is no loss. */
function isLeft({ kind }: RestoreLine): boolean {
  return kind !== 'segments-restored' && kind !== 'object-unusable';
}

function progress({ clock, stderr }: OfflineWorld): (objects: number) => void {
  let toldMs = clock.monotonic();
  return (objects) => {
    if (clock.monotonic() - toldMs < cliLimits.cliProgressMs) return;
    toldMs = clock.monotonic();
    stderr(`Has read ${objects} merged objects.\n`);
  };
}

function lineOf({ kind, topic, what }: RestoreLine): string {
  return `${kind}: ${topic === undefined ? '' : `${topic}: `}${what}\n`;
}
