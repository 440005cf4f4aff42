/**
 * The metrics of triggers, which functions publish, and alarms and dashboards read: by `service`, `tenant` and
 * `trigger`.
 */
export const TRIGGER_METRICS = {
  /** Invocations of the trigger's function, and how many of them failed, whole or in part. */
  invocations: 'TriggerInvocations',
  errors: 'TriggerErrors',
  /** Invocations that Lambda did not take, for now or at all. */
  throttles: 'TriggerThrottles',
  refusals: 'TriggerRefusals',
  /** Invocations of a batch after its first. */
  retries: 'TriggerRetries',
  /** Records that were delivered, passed over by filters, given up. */
  delivered: 'RecordsDelivered',
  filtered: 'RecordsFiltered',
  discarded: 'RecordsDiscarded',
  /** Batches that were sent to the destination of failures, and attempts that it did not take. */
  destinationSends: 'DestinationSends',
  destinationFailures: 'DestinationFailures',
  /** Partitions that began anew, since what was committed of them is not there any more. */
  offsetResets: 'OffsetResets',
  /** Records behind the end, over all partitions that the function knew of. */
  lag: 'TriggerLag',
  /** Milliseconds from a batch's newest record to the function's answer: how far behind delivery is in time. */
  iteratorAge: 'TriggerIteratorAge',
  /** Milliseconds that a dispatch took. */
  dispatchDuration: 'DispatchDuration',
} as const;
