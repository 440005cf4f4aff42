/**
 * What a process of the Kafka gateway counts, by the names that its log has for it, and those of the metrics that a
 * stack's filters make of its log. Counts are since the line before; what a process has now is its own, and not to be
 * added up by time.
 */
export const GATEWAY_METRICS = {
  /** Clients' connections that the process has now. */
  connections: 'KafkaConnections',
  /** Connections that were closed at once, since there were as many as there may be. */
  refused: 'KafkaConnectionsRefused',
  /** Requests that were answered, or to which the end of their connection was the answer, … */
  requests: 'KafkaRequests',
  /** … and those of them of which that was since something failed here, or which were told so: mostly storage. */
  failed: 'KafkaRequestsFailed',
  bytesIn: 'KafkaBytesIn',
  bytesOut: 'KafkaBytesOut',
  /** For how long clients were not listened to, for their quotas. */
  mutedMs: 'KafkaMutedMs',
  /** What the process has of memory (its resident set). */
  memoryBytes: 'KafkaMemoryBytes',
} as const;

export type GatewayMetric = keyof typeof GATEWAY_METRICS;
