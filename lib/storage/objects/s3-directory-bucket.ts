/**
 * What differs where a bucket is a directory bucket (S3 Express One Zone): its name, which ends with the zone it is in,
 * and its lists. Source: "Differences for directory buckets" and "Directory bucket naming rules", Amazon S3 User Guide.
 */
import type { S3Client } from '@aws-sdk/client-s3';

/** base name | zone | suffix */
const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?--([a-z0-9]+(?:-[a-z0-9]+)*)--x-s3$/;

export function isDirectoryBucket(bucket: string): boolean {
  return zoneOf(bucket) !== undefined;
}

/** The id of the zone that the bucket is in, such as `use1-az4`; `undefined` for any other kind of bucket. */
export function zoneOf(bucket: string): string | undefined {
  return bucket.length <= 63 ? NAME.exec(bucket)?.[1] : undefined;
}

/**
 * The longest prefix of `prefix` that a directory bucket can list: it must end with a slash. Empty lists everything.
 */
export function listablePrefix(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

/**
 * When the session of the bucket ends, ms since the epoch. What is signed with it ends then too, whatever it says of
 * itself: sessions last five minutes.
 */
export async function sessionEndMs(client: S3Client, bucket: string): Promise<number> {
  const { s3ExpressIdentityProvider: sessions, credentials } = client.config;
  const { expiration } = await sessions.getS3ExpressIdentity(await credentials(), { Bucket: bucket });
  return expiration?.getTime() ?? Number.POSITIVE_INFINITY;
}
