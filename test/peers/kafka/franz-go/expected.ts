/**
 * What becomes of each of franz-go's tests that need a broker, and why of those that don't pass.
 * docs/kafka-compatibility.md says what they are about.
 */
import type { Outcome } from './run-tests.ts';

export interface Expectation {
  outcome: Outcome;
  /** Where it does not pass. */
  why?: string;
}

/** Clients as such: producing, consuming by partitions, topics and patterns, groups, share groups, SCRAM. */
export const QUICK = `
  TestUnknownGroupOffsetFetchPinned TestPing TestIssue1034 TestSCRAMAuth TestSCRAMAuthBadCredentials TestIssue325
  TestConsumeTopicRetrieval TestConsumeTopicRetrieval_Many TestConsumeRegex Test848RegexBrokerResolves TestIssue337
  TestDirectPartitionPurge TestAddRemovePartitions TestPauseIssue489 TestPauseIssueOct2023 TestIssue648 TestIssue810 TestIssue865
  TestPooling TestGroupSimple TestHookPollStart TestConsumeMaxDecompressBatchBytes TestClient_Produce TestIssue769
  TestIssueProduceSyncManualPartitionNegativeDoesNotPanic TestIssue831 TestClient_ProduceLargeMessages
  TestShareGroup TestShareGroupAckOnClose TestShareGroupOffsetsAdmin TestConsumeRegexShareSkipsInternal`
  .trim()
  .split(/\s+/);

/** Those that wait until clients forget topics that are gone. */
const SLOW = ['TestIssue434', 'TestIssue523'];

/**
 * The parts of TestTxnEtl: groups that pass records on from topic to topic in transactions. The test itself fails: it
 * wants to be told at which offset each record of an open transaction is.
 */
export const TRANSACTIONS = [
  'range',
  'cooperative-sticky',
  'cooperative-sticky/static',
  'range/848',
  'sticky/848',
  'sticky/848/static',
].map((part) => `TestTxnEtl/${part}`);

/** Share groups that pass records on, of which some are released and some members killed: see delivery-limits.ts. */
const SHARED = 'TestShareGroupETL';

const OTHERS: Record<string, Expectation> = {
  TestTxnEtl: {
    outcome: 'FAIL',
    why: 'wants the offsets of the records of an open transaction; all of its parts pass',
  },
  TestIssueFetchLargerThanBrokerMaxReadBytes: { outcome: 'FAIL', why: 'its topic has a max.message.bytes of 10 MiB' },
  TestIssueProduceBrokerTooOldFailsRecords: { outcome: 'SKIP', why: 'Kafka 4 says, too, that it serves Produce 0' },
};

/** By name, the parts of TestTxnEtl as well. */
export const EXPECTED: ReadonlyMap<string, Expectation> = new Map([
  ...[...QUICK, ...SLOW, 'TestGroupETL', SHARED, ...TRANSACTIONS].map((name): [string, Expectation] => [
    name,
    { outcome: 'PASS' },
  ]),
  ...Object.entries(OTHERS),
]);
