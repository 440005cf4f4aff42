/** What must hold in every history of storage. */
import type { Violation } from '../checkers.ts';
import { compactionCheckers } from './compaction-checkers.ts';
import { erasureCheckers } from './erasure-checkers.ts';
import type { LifecycleChecker, LifecycleHistory } from './lifecycle-history.ts';
import { readingCheckers } from './reading-checkers.ts';
import { restCheckers } from './rest-checkers.ts';
import { startCheckers } from './start-checkers.ts';

export function checkLifecycle(history: LifecycleHistory): Violation[] {
  return Object.entries(checkers).flatMap(([checker, run]) => run(history).map((what) => ({ checker, what })));
}

const checkers: Record<string, LifecycleChecker> = {
  ...readingCheckers,
  ...startCheckers,
  ...compactionCheckers,
  ...erasureCheckers,
  ...restCheckers,
};
