/** One invocation of a trigger's function with a batch, and what it means for the batch. */
import type { AttemptResult } from '../coordination/triggers/attempt.ts';
import type { Clock } from '../kernel/clock.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import type {
  EventBatch,
  EventFormat,
  FunctionInvoker,
  InvocationError,
  InvocationResult,
  TriggerLog,
} from './ports.ts';
import type { Tally } from './tally.ts';

export interface InvokeParts {
  invoker: FunctionInvoker;
  events: EventFormat;
  clock: Clock;
  log: TriggerLog;
  tally: Tally;
}

export interface Invoked {
  result: AttemptResult;
  error?: InvocationError;
  requestId?: string;
  /** What a window goes on with. */
  state?: unknown;
}

/**
 * Never rejects. Later than `beginByMs`, of the monotonic clock, nothing is invoked: the lease is not held for so long.
 */
export async function invokeBatch(parts: InvokeParts, batch: EventBatch, beginByMs: number): Promise<Invoked> {
  const { clock, log, tally } = parts;
  const { trigger, topic, partition, records } = batch;
  const begunMs = clock.monotonic();
  const invoked = await attempted(parts, batch, beginByMs);
  const { result } = invoked.result;
  tally.add({
    ...(result !== 'throttled' && result !== 'refused' && { invocations: 1 }),
    ...(result === 'throttled' && { throttles: 1 }),
    ...(result === 'refused' && { refusals: 1 }),
    ...((result === 'failed' || result === 'partial' || result === 'unknown') && { errors: 1 }),
  });
  const [first, last] = [records[0]?.offset, records.at(-1)?.offset];
  const facts = { trigger: trigger.name, topic, partition, records: records.length, first, last };
  const ms = Math.round(clock.monotonic() - begunMs);
  const outcome = { ...facts, ms, result, requestId: invoked.requestId, error: invoked.error };
  if (result === 'done') log.info('A batch was delivered', outcome);
  else log.warn('A batch was not delivered', outcome);
  return invoked;
}

async function attempted(parts: InvokeParts, batch: EventBatch, beginByMs: number): Promise<Invoked> {
  const { invoker, events, clock } = parts;
  const { name, target, timeoutMs, tenantId } = batch.trigger;
  const newest = batch.records.at(-1);
  if (newest !== undefined && newest.timestamp >= 0) parts.tally.iteratorAge(clock.now() - newest.timestamp);
  // A function that began now has ended by then, by anyone's clock.
  const untilMs = clock.now() + timeoutMs + triggerLimits.triggerInvokeMarginMs + triggerLimits.triggerClockSkewMsMax;
  try {
    const payload = events.render(batch);
    if (clock.monotonic() > beginByMs) {
      // Frozen since the lease was written, or busy with the events of many.
      return {
        result: { result: 'throttled' },
        error: { kind: 'Late', message: 'The dispatcher came to it too late.' },
      };
    }
    const answer = await invoker.invoke({
      trigger: name,
      target,
      payload,
      timeoutMs,
      ...(tenantId !== undefined && { tenantId }),
    });
    return judged(answer, { events, batch, untilMs });
  } catch (error) {
    // An invoker answers whatever happens; where it does not, nobody knows what has become of the function.
    return { result: { result: 'unknown', untilMs }, error: { kind: 'Unknown', message: String(error) } };
  }
}

function judged(
  answer: InvocationResult,
  { events, batch, untilMs }: { events: EventFormat; batch: EventBatch; untilMs: number },
): Invoked {
  switch (answer.outcome) {
    case 'returned':
      return returned(answer.response, answer.requestId, events, batch);
    case 'failed':
      return { result: { result: 'failed' }, error: answer.error, requestId: answer.requestId };
    case 'not-run':
      return { result: { result: 'throttled' }, error: answer.error };
    case 'refused':
      return { result: { result: 'refused' }, error: answer.error };
    case 'unknown':
      return { result: { result: 'unknown', untilMs }, error: answer.error };
  }
}

function returned(response: unknown, requestId: string, events: EventFormat, batch: EventBatch): Invoked {
  const read = events.read(response, batch);
  switch (read.outcome) {
    case 'done':
      return { result: { result: 'done' }, requestId, state: read.state };
    case 'partial': {
      const { firstFailedOffset, state } = read;
      const message = `The function names offset ${firstFailedOffset} as the first that failed.`;
      const error = { kind: 'BatchItemFailures', message };
      return { result: { result: 'partial', firstFailedOffset }, requestId, state, error };
    }
    case 'unreadable': {
      const error = { kind: 'InvalidResponse', message: read.reason };
      return { result: { result: 'failed' }, requestId, error };
    }
  }
}
