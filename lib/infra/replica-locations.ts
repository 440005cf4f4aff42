/**
 * Where a tenant's replicas are, as a person writes it: `use1-az4` for a directory bucket in that zone, made by the
 * stack; `acme-west@eu-west-1` for a bucket that exists in a region; `own` for the stack's own bucket.
 */
import { OptionError } from './option-error.ts';

export type ReplicaLocation =
  | { kind: 'zone'; zone: string }
  | { kind: 'bucket'; bucket: string; region: string }
  | { kind: 'own' };

/** A replica's number is a bit of a byte in the ledgers' heads, and the own bucket's is 0. */
const REPLICAS_MAX = 8;

/** An availability zone's id, which names the same zone in every account; its name (`us-east-1a`) does not. */
const ZONE_ID = /^[a-z]+\d-az\d+$/;
const REGION = /^[a-z]{2}(?:-[a-z]+)+-\d$/;
/** "General purpose bucket naming rules", Amazon S3 User Guide. */
const BUCKET = /^(?!xn--|sthree-|amzn-s3-demo-)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Throws a sentence that names the rule. */
export function parseReplicaLocations(texts: readonly string[]): ReplicaLocation[] {
  if (texts.length < 2 || texts.length > REPLICAS_MAX) {
    throw new OptionError(`replicas names ${texts.length} places; it names 2 to ${REPLICAS_MAX}.`);
  }
  const repeated = texts.find((text, index) => texts.indexOf(text) !== index);
  if (repeated !== undefined) throw new OptionError(`replicas names ${repeated} twice.`);
  const locations = texts.map(parseLocation);
  // The own bucket has the number 0 without being in the list, too.
  if (locations.filter(({ kind }) => kind !== 'own').length >= REPLICAS_MAX) {
    throw new OptionError(`replicas names ${texts.length} places beside the own bucket; it names at most 7.`);
  }
  return locations;
}

function parseLocation(text: string): ReplicaLocation {
  if (text === 'own') return { kind: 'own' };
  if (ZONE_ID.test(text)) return { kind: 'zone', zone: text };
  const [bucket = '', region = '', ...rest] = text.split('@');
  if (rest.length === 0 && BUCKET.test(bucket) && !bucket.endsWith('--x-s3') && REGION.test(region)) {
    return { kind: 'bucket', bucket, region };
  }
  throw new OptionError(
    `replicas has ${JSON.stringify(text)}; each is own, the id of an availability zone (use1-az4), ` +
      'or a bucket and its region (acme-west@eu-west-1).',
  );
}
