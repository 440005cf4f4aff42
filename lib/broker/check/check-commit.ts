/** One commit of a ledger: the object that it names is there and holds what the commit says. */
import { sentence } from '../../kernel/sentence.ts';
import { type BundleEntry, bundleKey, decodeBundleItem, isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { objectName } from '../../log/segment/object-name.ts';
import { inSyncReplicas } from '../ledger/replicated.ts';
import { mayBeLost } from '../read/lost.ts';
import { damageIn } from './commit-bytes.ts';
import type { CheckContext } from './context.ts';
import { type Affected, type Finding, finding, type ObjectProblem, type Place } from './finding.ts';
import type { LedgerInView } from './ledger-in-view.ts';
import type { FoundInReplica, ObjectCopies } from './replica-copies.ts';
import { decoded } from './unreadable.ts';

export interface PlacedCommit {
  commit: Commit;
  /** The offsets at which it begins, by slot. */
  bases: readonly number[];
  /** Whether its records are found in merged segments too. */
  merged: boolean;
  /** Whether it is in a page. */
  sealed: boolean;
}

/** The commits with their offsets, the first of them beginning at these. */
export function placed(
  commits: readonly Commit[],
  from: readonly number[],
  where: Pick<PlacedCommit, 'merged' | 'sealed'>,
): PlacedCommit[] {
  const next = [...from];
  return commits.map((commit) => {
    const bases = [...next];
    for (const { slot, records } of commit.runs) next[slot] = (next[slot] as number) + records;
    return { commit, bases, ...where };
  });
}

export async function checkCommit(context: CheckContext, view: LedgerInView, place: PlacedCommit): Promise<Finding[]> {
  context.counts.commits++;
  const { commit } = place;
  if (isBundle(commit)) return checkBundle(context, view, { ...place, commit });
  const problem = await problemOf(commit, context.copies, context.deep);
  if (problem === undefined) return checkCopies(context, view, place);
  // Of merged pages an erasure deletes the objects before the pages go.
  if (place.merged && problem.kind === 'missing') return [];
  const affected = await affectedBy(context, view, place);
  if (affected === 'lost') return [];
  const object = objectName(commit.tier, commit.object);
  const what = sentence(`The object ${object} ${problem.what}${named(affected)}`);
  // Readers do not ask for what is merged, nor for what is below the log start.
  const severity = place.merged || affected.length === 0 ? 'conflict' : undefined;
  return [finding(`object-${problem.kind}`, { topic: view.topic.name, affected, object }, what, severity)];
}

/**
 * Every replica in sync has what is in pages, and one whose upload the append was told of has its object. What is
 * merged nobody copies any more.
 */
async function checkCopies(context: CheckContext, view: LedgerInView, place: PlacedCommit): Promise<Finding[]> {
  const { commit, merged, sealed } = place;
  if (commit.replicated === undefined || commit.tier === 'inline' || merged) return [];
  const inSync = inSyncReplicas(view.head);
  const holders = sealed ? inSync : inSync & commit.replicated.holders;
  const problems = await context.replicas.lookAt(holders, (copies) => problemOf(commit, copies, context.deep));
  if (problems.length === 0) return [];
  const affected = await affectedBy(context, view, place);
  if (affected === 'lost') return [];
  return copyFindings(problems, { topic: view.topic.name, affected, object: objectName(commit.tier, commit.object) });
}

async function checkBundle(
  context: CheckContext,
  view: LedgerInView,
  { commit: entry, bases, merged, sealed }: PlacedCommit & { commit: BundleEntry },
): Promise<Finding[]> {
  const commits: Commit[] = [];
  for (let number = 0; number < entry.bundle; number++) {
    const item = bundleKey(view.ledger, entry, number);
    const attributes = await context.broker.metadata.get(item, 'strong');
    const { value, reason = 'is missing' } =
      attributes === undefined ? { value: undefined } : decoded(() => decodeBundleItem(attributes));
    if (value === undefined) {
      const affected = await affectedBy(context, view, { commit: entry, bases, merged, sealed });
      if (affected === 'lost') return [];
      const what = sentence(
        `The item ${item.sk} of a transaction's commits cannot be read (${reason})${named(affected)}`,
      );
      return [
        finding('bundle-missing', { topic: view.topic.name, affected, item }, what, merged ? 'conflict' : undefined),
      ];
    }
    commits.push(...value);
  }
  const found: Finding[] = [];
  for (const place of placed(commits, bases, { merged, sealed }))
    found.push(...(await checkCommit(context, view, place)));
  return found;
}

/** What is wrong with what the commit names. */
async function problemOf(
  commit: Commit,
  { objects, sizes }: ObjectCopies,
  deep: boolean,
): Promise<ObjectProblem | undefined> {
  const name = objectName(commit.tier, commit.object);
  const end = commit.runs.reduce((sum, { bytes }) => sum + bytes, commit.position);
  const size = await sizes.of(name);
  if (size === undefined) return { kind: 'missing', what: 'is missing' };
  if (size < end) return { kind: 'short', what: `has ${size} bytes, and ${end} are referred to` };
  if (!deep) return undefined;
  const bytes = await objects.getRange(name, { start: commit.position, end });
  if (bytes === undefined) return { kind: 'missing', what: 'is missing' };
  const damage = damageIn(commit, bytes);
  return damage === undefined ? undefined : { kind: 'corrupt', what: `is damaged: ${damage}` };
}

/** `lost`: all of it is in ranges that an unclean election has given up, and readers pass over. */
async function affectedBy(
  { broker }: CheckContext,
  { ledger, head, partitionOf }: LedgerInView,
  { commit, bases }: PlacedCommit,
): Promise<Affected[] | 'lost'> {
  const affected: Affected[] = [];
  let lost = 0;
  for (const run of commit.runs) {
    const baseOffset = bases[run.slot] as number;
    const endOffset = baseOffset + run.records;
    const range = { ...run, position: 0, commit, leaderEpoch: 0, baseOffset, endOffset };
    if (head.replication !== undefined && (await mayBeLost(broker, ledger, head, range))) lost++;
    else
      affected.push(...readable(head, run.slot, { partition: partitionOf(run.slot), from: baseOffset, to: endOffset }));
  }
  return lost === commit.runs.length ? 'lost' : affected;
}

/** Without what is below the log start. */
export function readable(head: LedgerHead, slot: number, { partition, from, to }: Affected): Affected[] {
  const start = Math.max(from, head.start[slot] as number);
  return start < to ? [{ partition, from: start, to }] : [];
}

/** Of an object whose copies elsewhere are read. */
export function copyFindings(problems: readonly FoundInReplica<ObjectProblem>[], place: Place): Finding[] {
  return problems.map(({ replica, found: { kind, what } }) => {
    const said = sentence(`In the replica ${replica} the object ${place.object} ${what}${named(place.affected ?? [])}`);
    return finding(`copy-${kind}`, { ...place, replica }, said);
  });
}

/** For the end of a sentence. */
export function named(affected: readonly Affected[]): string {
  if (affected.length === 0) return '; no readable records are affected';
  const ranges = affected.map(({ partition, from, to }) => `${from} to ${to - 1} of partition ${partition}`);
  return `: it is about the offsets ${ranges.join(', ')}`;
}
