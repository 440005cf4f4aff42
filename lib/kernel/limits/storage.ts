import { KIB, MIB } from './sizes.ts';

/** Storage: DynamoDB, S3, and the embedded stores. */
export const storageLimits = {
  /** DynamoDB: an item with its attribute names. */
  itemBytesMax: 400 * KIB,
  /** DynamoDB: lists and maps inside each other in one item. */
  itemNestingMax: 31,
  /** DynamoDB: a partition key and a sort key, in UTF-8. */
  partitionKeyBytesMax: 2 * KIB,
  sortKeyBytesMax: KIB,
  /** DynamoDB: what one page of a query reads. */
  queryPageBytesMax: MIB,
  /** DynamoDB: items in one transaction. */
  transactionItemsMax: 100,
  /** DynamoDB: the items of one transaction together. */
  transactionBytesMax: 4 * MIB,
  /** DynamoDB: the length of one expression. */
  expressionBytesMax: 4 * KIB,
  /** DynamoDB: operators and functions in one expression. */
  expressionOperatorsMax: 300,
  /** Objects up to this size live as items in the table; measured in the bench, see docs/decisions. */
  inlineBytesMaxDefault: 4 * KIB,
  /** Retries of one storage call that had no effect (throttles, transaction conflicts). */
  storageRetriesMax: 8,
  /** Attempts of a call whose outcome was unknown and that may be made again whatever it was. */
  unknownOutcomeAttemptsMax: 3,
  /** The longest first pause before storage is asked again; each further one may be twice as long, … */
  storageRetryPauseMsMin: 20,
  /** … up to this. */
  storageRetryPauseMsMax: 1_000,
  /** How long connecting to DynamoDB or S3 may take, … */
  storageConnectMsMax: 1_000,
  /** … one attempt of a call of DynamoDB, … */
  metadataCallMsMax: 5_000,
  /** … and a call of S3 with all its attempts. Two that hang are just longer than a produce request may take. */
  objectCallMsMax: 13_000,
  /** The same of a call that has S3 put together or copy a large object, which keeps the connection busy meanwhile. */
  objectAssemblyMsMax: 60_000,
  /** S3: parts but the last have at least 5 MiB. An object of no more than this is put at once. */
  uploadPartBytes: 6 * MIB,
  /** Buffers of a part, so that what is small takes little memory. */
  uploadBlockBytes: 512 * KIB,
  /** Parts that are on their way to one bucket, of all uploads together. Each upload fills one more meanwhile. */
  uploadPartsInFlightMax: 4,
  /** What is used of a disk for uploads that wait to be sent, of what is free: others may need some. */
  spoolPercent: 90,
  /** What of it is for objects that were read and are wanted again, … */
  keptObjectsPercent: 50,
  /** … and the files that these are in: one goes as a whole where there is no room for more. */
  keptFilesMax: 64,
  /** What a part has at most that is kept on disk: any merged segment, and what S3 takes in its time. */
  spooledPartBytesMax: 1024 * MIB,
  /** S3: what one CopyObject copies, which archiving does. */
  uploadBytesMax: 5 * 1024 * MIB,
  /** Connections of one process to DynamoDB and to S3, each. */
  storageConnectionsMax: 128,
  /** An object's name: S3 allows 1,024 bytes, some of which are a prefix. */
  objectNameBytesMax: 512,
  /** One segment of an object's name: file systems allow 255 bytes. */
  objectNameSegmentBytesMax: 255,
  /** Items that the embedded metadata store keeps decoded, and what each of them is in the table at most. */
  keptItemsMax: 256,
  keptItemBytesMax: 16 * KIB,
  /** How long the embedded metadata store answers call after call without a break for other work. */
  embeddedTurnMsMax: 10,
  /** How long after a write of the embedded metadata store the disk is given its log. */
  logWritebackMs: 50,
  /**
   * Files that are written at once, into the page cache, as most flushes of a busy server are: some tenths of a
   * millisecond.
   */
  smallFileBytesMax: 512 * KIB,
  /** Ranges of files that are read at once, which may have to come from the disk. */
  smallRangeBytesMax: 512 * KIB,
  /** How long a table that is being created may take to be usable. */
  tableCreationMsMax: 5 * 60 * 1_000,
  /** How often it is asked whether it is. */
  tableCreationPollMs: 500,
  /** S3: objects in one DeleteObjects request. */
  deleteObjectsMax: 1_000,
  /** Storage calls that one call of the object store makes at a time. */
  storageFanOutMax: 16,

  /**
   * Blocks of a merged segment that are read at once, and kept. So much more than 4 MiB that a whole segment takes no
   * more requests than one for each of its 4 MiB, with the one for its index, which has some 4,000 blocks at most.
   */
  segmentExtentBytes: 4 * MIB + 256 * KIB,
  segmentExtentCacheEntries: 8,
  segmentIndexCacheEntries: 32,
  segmentItemCacheEntries: 1_024,
  /**
   * How long it is believed which segment covers an offset: with the life of a presigned URL it is less than the grace.
   */
  segmentItemAgeMsMax: 10 * 60 * 1_000,
  /** Segments among which one query looks for a time: some 100 bytes each, of the MiB that a page may read. */
  segmentItemsPerQuery: 1_000,

  /** Runs that one fetch reads at once. */
  runsPerReadMax: 256,
  /** Of a commit's runs that are read together from history, with what lies between. */
  neighboursBytesMax: 512 * KIB,

  /** Ranges that one plan names. */
  plannedSegmentsMax: 100,
  /** How long a presigned URL works. */
  presignedUrlMs: 15 * 60 * 1_000,
} as const;
