/**
 * Templates of records: `-f '%t %p %o %k %v\n'`. kcat's letters and %v, which is easier to remember than its %s. Bytes
 * go through as they are.
 */
import type { ClientRecord } from '../../client/records.ts';
import { concatBytes, utf8 } from '../../kernel/bytes.ts';
import { unescaped } from '../escapes.ts';
import { UsageError } from '../failure.ts';
import type { RecordFormat, Source } from './formats.ts';

type Piece = (record: ClientRecord<'bytes'>, source: Source) => Uint8Array | string | number | null;

const LETTERS: Readonly<Record<string, Piece>> = {
  v: ({ value }) => value,
  s: ({ value }) => value,
  S: ({ value }) => value?.length ?? -1,
  k: ({ key }) => key,
  K: ({ key }) => key?.length ?? -1,
  t: (_, { topic }) => topic,
  p: (_, { partition }) => partition,
  o: ({ offset }) => offset,
  T: ({ timestamp }) => timestamp,
  h: headersText,
  '%': () => '%',
};

export const TEMPLATE_LETTERS =
  '%v or %s value, %S its length, %k key, %K its length, %t topic, %p partition, %o offset, %T timestamp in ms, %h headers, %% percent';

/** Throws `UsageError`. */
export function templateFormat(template: string): RecordFormat {
  const pieces = template.split(/(%.?)/su).map((text, index): Piece => {
    if (index % 2 === 0) {
      const literal = unescaped('--template', text);
      return () => literal;
    }
    const letter = LETTERS[text.slice(1)];
    if (letter !== undefined) return letter;
    throw new UsageError(`--template has "${text}"; there are ${TEMPLATE_LETTERS}`);
  });
  return (record, source) =>
    concatBytes(
      pieces.map((piece) => {
        const part = piece(record, source);
        if (part instanceof Uint8Array) return part;
        return utf8(part === null ? '' : String(part));
      }),
    );
}

/** `name=value,name=value`, in their order. */
function headersText({ headers }: ClientRecord<'bytes'>): Uint8Array {
  const pieces = headers.flatMap(({ key, value }, index) => [
    utf8(`${index === 0 ? '' : ','}${key}=`),
    value ?? new Uint8Array(0),
  ]);
  return concatBytes(pieces);
}
