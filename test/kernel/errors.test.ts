import { describe, expect, it } from 'vitest';
import { ERROR_CODES, errorRow, MillraceError } from '../../lib/kernel/errors.ts';

describe('the error table', () => {
  it.each(ERROR_CODES)('%s has an HTTP status of an error, a title and a Kafka code', (code) => {
    const row = errorRow(code);
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
    expect(row.title).not.toBe('');
    expect(Number.isInteger(row.kafkaCode)).toBe(true);
  });

  it('calls the same request repeatable wherever HTTP says so', () => {
    const withStatus = (...statuses: number[]) =>
      ERROR_CODES.filter((code) => statuses.includes(errorRow(code).status));
    expect(withStatus(429, 503).filter((code) => !errorRow(code).retriable)).toEqual([]);
    expect(withStatus(400, 413).filter((code) => errorRow(code).retriable)).toEqual([]);
  });

  // org.apache.kafka.common.protocol.Errors, Kafka 4.
  it.each([
    ['OFFSET_OUT_OF_RANGE', 1, false],
    ['CORRUPT_MESSAGE', 2, false], // true in Kafka, whose clients may have sent it over a bad wire; TLS has none
    ['UNKNOWN_TOPIC_OR_PARTITION', 3, true],
    ['REQUEST_TIMED_OUT', 7, true],
    ['MESSAGE_TOO_LARGE', 10, false],
    ['INVALID_TOPIC', 17, false],
    ['TOPIC_ALREADY_EXISTS', 36, false],
    ['INVALID_PARTITIONS', 37, false],
    ['INVALID_REPLICATION_FACTOR', 38, false],
    ['INVALID_CONFIG', 40, false],
    ['INVALID_REQUEST', 42, false],
    ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 43, false],
    ['POLICY_VIOLATION', 44, false],
    ['KAFKA_STORAGE_ERROR', 56, true],
    ['ILLEGAL_GENERATION', 22, false],
    ['INCONSISTENT_GROUP_PROTOCOL', 23, false],
    ['UNKNOWN_MEMBER_ID', 25, false],
    ['INVALID_SESSION_TIMEOUT', 26, false],
    ['REBALANCE_IN_PROGRESS', 27, true], // false in Kafka, whose clients join anew; here the same poll may be repeated
    ['INVALID_TIMESTAMP', 32, false],
    ['NON_EMPTY_GROUP', 68, false],
    ['GROUP_ID_NOT_FOUND', 69, false],
    ['MEMBER_ID_REQUIRED', 79, false],
    ['GROUP_MAX_SIZE_REACHED', 81, false],
    ['FENCED_INSTANCE_ID', 82, false],
    ['FENCED_MEMBER_EPOCH', 110, false],
    ['UNRELEASED_INSTANCE_ID', 111, false],
    ['UNSUPPORTED_ASSIGNOR', 112, false],
    ['INVALID_REGULAR_EXPRESSION', 128, false],
    ['UNSUPPORTED_COMPRESSION_TYPE', 76, false],
    ['INVALID_RECORD', 87, false],
    ['THROTTLING_QUOTA_EXCEEDED', 89, true],
  ] as const)("%s has Kafka's number %d", (code, kafkaCode, retriable) => {
    expect(errorRow(code)).toMatchObject({ kafkaCode, retriable });
  });
});

describe('MillraceError', () => {
  it('promises nothing changed unless told otherwise, and keeps its cause', () => {
    const cause = new Error('socket');
    const plain = new MillraceError('KAFKA_STORAGE_ERROR', 'No answer.');
    const unknown = new MillraceError('KAFKA_STORAGE_ERROR', 'No answer.', { effect: 'unknown', cause });
    expect(plain).toMatchObject({ effect: 'none', facts: {}, retriable: true, message: 'No answer.' });
    expect('cause' in plain).toBe(false);
    expect(unknown).toMatchObject({ effect: 'unknown', cause });
  });
});
