/** What the dispatcher calls: functions, and where it puts what they would not take. Adapters are beside this file. */

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
