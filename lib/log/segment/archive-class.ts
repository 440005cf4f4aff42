/**
 * The storage classes of S3 that old segments may be moved to: those that cost less to keep and are read at once, with
 * the same requests. Deliberately without GLACIER and DEEP_ARCHIVE, whose objects have to be restored before they are
 * read.
 */
export const ARCHIVE_CLASSES = ['STANDARD_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'] as const;

export type ArchiveClass = (typeof ARCHIVE_CLASSES)[number];

/**
 * The class of objects that no request moves: those of directory buckets. A segment's item has it once that was found
 * out, so that it is not tried again with every round.
 */
export const FIXED_CLASS = 'EXPRESS_ONEZONE';
