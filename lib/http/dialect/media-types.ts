/** The dialect's media types. What is inside of records is told by the type of the request, and of answers with records. */
import { MillraceError } from '../../kernel/errors.ts';
import { JSON_TYPE, negotiate } from '../media-type.ts';

export const V2_TYPE = 'application/vnd.kafka.v2+json';
const UNVERSIONED_TYPE = 'application/vnd.kafka+json';

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

export const PRODUCE_TYPES = Object.keys(FORMAT_BY_TYPE);

/** Bodies without records. Topics are created with the type of JSON records, as the published description has it. */
export const BODY_TYPES = [V2_TYPE, UNVERSIONED_TYPE, JSON_TYPE, FORMAT_TYPES.json];

/** The type of an answer without records. One that fits no `Accept` is answered all the same, as the bridge does. */
export function answerType(accept: string | undefined): string {
  try {
    return negotiate(accept, [V2_TYPE, UNVERSIONED_TYPE, JSON_TYPE]);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_ACCEPTABLE') return V2_TYPE;
    throw error;
  }
}
