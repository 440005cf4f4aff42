/** What the dispatcher calls: functions, and where it puts what they would not take. Adapters are beside this file. */
import type { Trigger } from '../coordination/triggers/trigger.ts';
import type { Write } from '../kernel/items.ts';
import type { LogRecord } from '../log/record-batch/record.ts';

/** One invocation and what became of it; never thrown, since a failing function is the ordinary case. */
export type InvocationResult =
  /** The function returned; `response` is its JSON, `undefined` for none. */
  | { outcome: 'returned'; requestId: string; response: unknown; executedVersion?: string }
  /** The function threw, timed out or ended: Lambda's `FunctionError`. */
  | { outcome: 'failed'; requestId: string; error: InvocationError; executedVersion?: string }
  /** It has not run and may be tried again: throttled, service error. */
  | { outcome: 'not-run'; error: InvocationError }
  /** It has not run, and will not until someone changes something: no such function, no permission, bad tenant id. */
  | { outcome: 'refused'; error: InvocationError }
  /** The connection ended: it may have run, and may still be running until `timeoutMs` after its start. */
  | { outcome: 'unknown'; error: InvocationError };

export interface InvocationError {
  /** Lambda's error type: `Unhandled`, `Handled`, `TooManyRequestsException`, `ResourceNotFoundException` … */
  kind: string;
  message: string;
}

export interface Invocation {
  /** The trigger's name. */
  trigger: string;
  target: string;
  /** UTF-8 JSON of the event, at most 6 MB. */
  payload: Uint8Array;
  timeoutMs: number;
  tenantId?: string;
}

export interface FunctionInvoker {
  invoke(invocation: Invocation): Promise<InvocationResult>;
}

/** What a dispatcher is woken with; also what it hands on to the next when its time is over. JSON. */
export interface DispatchRequest {
  trigger: string;
  work: readonly PartitionWork[];
}

export interface PartitionWork {
  topic: string;
  topicId: string;
  partition: number;
  /** One past the newest offset that whoever asks has heard of; 0: look. */
  wanted: number;
}

/** A record as it goes to functions and destinations: decoded, and where it lies. */
export interface TriggerRecord extends LogRecord {
  topic: string;
  partition: number;
  timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME';
}

/** Records of one partition for one invocation. */
export interface EventBatch {
  trigger: Trigger;
  topic: string;
  partition: number;
  /** In order; none in an invocation that only ends a window. */
  records: readonly TriggerRecord[];
  /** Of a trigger with tumbling windows. */
  window?: EventWindow;
}

export interface EventWindow {
  startMs: number;
  endMs: number;
  /** What the window's last invocation returned; any JSON, `{}` at first. */
  state: unknown;
  /** No records of this window come after this invocation. */
  isFinal: boolean;
  /** It ends before its time, because its state has become too large to keep. */
  isTerminatedEarly: boolean;
}

/** What the function's answer says of the batch. */
export type BatchResponse =
  | { outcome: 'done'; state?: unknown }
  /** All before this offset is done. */
  | { outcome: 'partial'; firstFailedOffset: number; state?: unknown }
  /** Nothing that means anything, or failures of records that were not in the batch: all of it counts as failed. */
  | { outcome: 'unreadable'; reason: string };

/** From records to events and from answers to outcomes; pure. */
export interface EventFormat {
  /** Which records the trigger wants. Compiled once for a trigger. */
  filterOf(trigger: Trigger): (record: TriggerRecord) => boolean;
  /** The event's JSON without its records. */
  envelopeBytes(batch: EventBatch): number;
  /** What the record adds to the event's JSON, at most. */
  recordBytes(record: TriggerRecord): number;
  render(batch: EventBatch): Uint8Array;
  read(response: unknown, batch: EventBatch): BatchResponse;
}

/** Why records were given up; the words are those of Lambda's invocation records. */
export type FailureCondition = 'RetriesExhausted' | 'MaximumRecordAgeExceeded' | 'MaximumPayloadSizeExceeded';

/** A batch that was given up, with all that is known of it. */
export interface FailedBatch {
  trigger: Trigger;
  topic: string;
  topicId: string;
  partition: number;
  /** What was given up; none where only the end of a window was. */
  records: readonly TriggerRecord[];
  condition: FailureCondition;
  /** Invocations that were made of it. */
  attempts: number;
  /** Of the last attempt that is known to have failed; absent where there was none. */
  error?: InvocationError;
  requestId?: string;
  /** First and last; absent without records. */
  offsets?: { first: number; last: number };
  timestamps?: { firstMs: number; lastMs: number };
  /** When it was given up. */
  failedMs: number;
}

export interface FailureDestinations {
  /**
   * Resolves when the destination has it. Rejects where it does not: the batch keeps its place, and this is called
   * again.
   */
  send(failed: FailedBatch): Promise<void>;
}

/** A trigger as it is stored. */
export interface StoredTrigger {
  trigger: Trigger;
  /** Another one after every change, and where the trigger was deleted and made anew. */
  version: string | number;
  /** A check, for a transaction, that it has not been deleted. */
  guard?: Write;
}

export interface TriggerLog {
  info(message: string, facts: Record<string, unknown>): void;
  warn(message: string, facts: Record<string, unknown>): void;
  error(message: string, facts: Record<string, unknown>): void;
}

/** One partition's counts, to be added up. */
export interface TriggerCounts {
  invocations: number;
  /** Invocations that failed, whole or in part. */
  errors: number;
  throttles: number;
  /** Functions that do not exist, refuse permission, … */
  refusals: number;
  /** Invocations of a batch after its first. */
  retries: number;
  delivered: number;
  filtered: number;
  /** Records given up, whether or not there is a destination. */
  discarded: number;
  destinationSends: number;
  destinationFailures: number;
  /** Times that a committed offset was not in its partition. */
  offsetResets: number;
}

export interface TriggerMeter {
  count(trigger: string, counts: Partial<TriggerCounts>): void;
  /** How old the newest record of a batch was when the function had it. */
  iteratorAge(trigger: string, ageMs: number): void;
  /** Records behind the end, whenever a dispatcher knows. */
  lag(trigger: string, place: { topic: string; partition: number }, records: number): void;
  /** How long a dispatch took. */
  dispatched(trigger: string, ms: number): void;
}

export const silentTriggerMeter: TriggerMeter = {
  count: () => {},
  iteratorAge: () => {},
  lag: () => {},
  dispatched: () => {},
};

/** How it ended with a partition. */
export type PartitionEnd =
  /** Nothing is left for now. */
  | 'reached'
  /** Someone else has it, and knows what was wanted. */
  | 'held'
  /** Its next attempt, or the end of its window, is too far off to be waited for. */
  | 'not-due'
  /** What is left was handed on. */
  | 'handed-on'
  /** The process ends; the place is held. */
  | 'stopped'
  /** The trigger is disabled or gone; the place is held. */
  | 'disabled'
  /** There is no such partition any more. */
  | 'gone'
  /** Someone else has taken the lease over. */
  | 'lost'
  /** Storage failed; the lease runs out, and the sweeper finds it. */
  | 'failed';

export interface DispatchSummary {
  trigger: string;
  partitions: readonly { topic: string; partition: number; end: PartitionEnd }[];
  counts: TriggerCounts;
  durationMs: number;
}
