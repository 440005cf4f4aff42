/** One record, as clients give it and get it. A key or value may be null, which is not the same as empty. */

export interface RecordHeader {
  /** Text: Kafka's format says UTF-8. Several headers may have the same key. */
  key: string;
  value: Uint8Array | null;
}

export interface NewRecord {
  /** Milliseconds since the epoch, or −1 for "none", which only very old clients write. */
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: RecordHeader[];
}

export interface LogRecord extends NewRecord {
  /** The record's place in its partition. */
  offset: number;
}

/** The lowest timestamp there is: Kafka's NO_TIMESTAMP. */
export const NO_TIMESTAMP = -1;
