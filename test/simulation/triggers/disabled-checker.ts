/** A trigger that is disabled, or being deleted, begins nothing once all dispatchers can have noticed. */
import { isDelivering } from '../../../lib/coordination/triggers/trigger-item.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import type { Story } from './delivery-story.ts';
import type { Run, TriggerHistory } from './trigger-history.ts';

/**
 * What was read just before, a write that was long on its way, and that of an invocation which is written once more.
 */
const NOTICED_MS = triggerLimits.triggerChangeMs + triggerLimits.triggerInvokeMarginMs + 5_000;

export function checkDisabled({ history, runs, triggers }: Story): string[] {
  return runs.flatMap(({ run }) => {
    const sinceMs = notDeliveringSince(triggers, run);
    if (sinceMs === undefined || run.issuedMs - sinceMs <= NOTICED_MS || isExcused(history, run, sinceMs)) return [];
    return [`an invocation began at ${run.issuedMs} ms, and its trigger does not deliver since ${sinceMs} ms`];
  });
}

/** Absent: it delivers. */
function notDeliveringSince(triggers: Story['triggers'], { target, issued }: Run): number | undefined {
  let sinceMs: number | undefined;
  for (const { moment, atMs, record } of triggers) {
    if (moment > issued) break;
    const delivers = record !== undefined && record.trigger.target === target && isDelivering(record);
    sinceMs = delivers ? undefined : (sinceMs ?? atMs);
  }
  return sinceMs;
}

/** Frozen meanwhile, or unable to read the trigger: it goes on with what it knew. */
function isExcused({ blind }: TriggerHistory, { by, issuedMs }: Run, sinceMs: number): boolean {
  return (blind.get(by) ?? []).some(
    ({ fromMs, toMs }) => toMs >= sinceMs && fromMs <= issuedMs && toMs >= issuedMs - NOTICED_MS,
  );
}
