/**
 * The dialect's media types. What is inside of records is told by the type of the request, and of answers with records.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { JSON_TYPE, negotiate } from '../media-type.ts';

const V2_TYPE = 'application/vnd.kafka.v2+json';
const UNVERSIONED_TYPE = 'application/vnd.kafka+json';

/** Of answers without records; the first where the client has no preference. */
export const SIMPLE_TYPES = [V2_TYPE, UNVERSIONED_TYPE, JSON_TYPE] as const;

/** How keys and values are written: base64, JSON in the JSON, or a string. */
export type EmbeddedFormat = 'binary' | 'json' | 'text';

const FORMAT_TYPES = {
  binary: 'application/vnd.kafka.binary.v2+json',
  json: 'application/vnd.kafka.json.v2+json',
  text: 'application/vnd.kafka.text.v2+json',
} as const satisfies Record<EmbeddedFormat, string>;

/** What names no format means binary, as it does in all of the dialect's servers. */
export const FORMAT_BY_TYPE: Readonly<Record<string, EmbeddedFormat>> = {
  [FORMAT_TYPES.binary]: 'binary',
  [FORMAT_TYPES.json]: 'json',
  [FORMAT_TYPES.text]: 'text',
  [V2_TYPE]: 'binary',
  [UNVERSIONED_TYPE]: 'binary',
  [JSON_TYPE]: 'binary',
};

/** Of answers with records. */
export const RECORDS_TYPES = [...Object.values(FORMAT_TYPES), ...SIMPLE_TYPES];

export const PRODUCE_TYPES = Object.keys(FORMAT_BY_TYPE);

/** Bodies without records. Topics are created with the type of JSON records, as the published description has it. */
export const BODY_TYPES = [V2_TYPE, UNVERSIONED_TYPE, JSON_TYPE, FORMAT_TYPES.json];

/** The type of an answer without records. One that fits no `Accept` is answered all the same, as the bridge does. */
export function answerType(accept: string | undefined): string {
  try {
    return negotiate(accept, SIMPLE_TYPES);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_ACCEPTABLE') return V2_TYPE;
    throw error;
  }
}

/**
 * The type of an answer with records, which are in the consumer's own format whatever it is called; `undefined`: none
 * will do.
 */
export function recordsType(accept: string | undefined, format: EmbeddedFormat): string | undefined {
  try {
    return negotiate(accept, [FORMAT_TYPES[format], ...SIMPLE_TYPES]);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_ACCEPTABLE') return undefined;
    throw error;
  }
}
