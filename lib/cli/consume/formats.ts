/**
 * What a record is printed as. Records are read as bytes, so that nothing is lost before it is decided how to show
 * them.
 */
import { toBase64 } from '../../client/base64.ts';
import type { ClientRecord } from '../../client/records.ts';
import { concatBytes, utf8, utf8Text } from '../../kernel/bytes.ts';

/** What records that come together share. */
export interface Source {
  topic: string;
  partition: number;
}

/** All that is printed for a record, the end of its line included. */
export type RecordFormat = (record: ClientRecord<'bytes'>, source: Source) => Uint8Array;

export const FORMATS = ['text', 'json', 'base64'] as const;

const NEWLINE = utf8('\n');
const EMPTY = new Uint8Array(0);

/** Values as they are, a line each; with a separator, after their keys. Null is nothing. */
export function textFormat(keySeparator: Uint8Array | undefined): RecordFormat {
  if (keySeparator === undefined) return ({ value }) => concatBytes([value ?? EMPTY, NEWLINE]);
  return ({ key, value }) => concatBytes([key ?? EMPTY, keySeparator, value ?? EMPTY, NEWLINE]);
}

export function base64Format(keySeparator: Uint8Array | undefined): RecordFormat {
  const text = textFormat(keySeparator);
  return (record, source) => text({ ...record, key: encoded(record.key), value: encoded(record.value) }, source);
}

function encoded(bytes: Uint8Array | null): Uint8Array | null {
  return bytes && utf8(toBase64(bytes));
}

/**
 * One object a line, with the API's names. Keys and values that are JSON are shown as they are, digit for digit, others
 * as text, and what is no text as base64; `produce --format json` makes the same bytes of it again.
 */
export const jsonFormat: RecordFormat = ({ offset, timestamp, key, value, headers }, { topic, partition }) =>
  utf8(
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":${timestamp},` +
      `${content('key', key, jsonText)},${content('value', value, jsonText)},"headers":[${headers
        .map((header) => `{"key":${JSON.stringify(header.key)},${content('value', header.value, JSON.stringify)}}`)
        .join(',')}]}\n`,
  );

/** A member with a key, a value or a header's value. */
function content(name: string, bytes: Uint8Array | null, shown: (text: string) => string): string {
  if (bytes === null) return `"${name}":null`;
  const text = utf8Text(bytes);
  return text === undefined ? `"${name}_base64":"${toBase64(bytes)}"` : `"${name}":${shown(text)}`;
}

/**
 * The text of an object, array, number or boolean as it is. Everything else becomes a string of it, quotes included:
 * the text `null` is not Kafka's null, and a string is not what it would be with the quotes taken off. So does JSON
 * with line ends in it or space around it, because a record is one line and nobody sees where a value ends.
 */
function jsonText(text: string): string {
  return /^[[{\dtf-]/.test(text) && !/[\r\n]|\s$/.test(text) && isJson(text) ? text : JSON.stringify(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
