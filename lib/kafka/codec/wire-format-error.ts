/**
 * Bytes that are no message of Kafka's protocol. The connection they came by cannot be trusted any more, and is closed.
 */
export class WireFormatError extends Error {
  override readonly name = 'WireFormatError';
}
