/** What filters see of a record, read when a pattern first asks for it and once. */
import { utf8Text } from '../../../kernel/bytes.ts';
import { UNREADABLE } from './pattern.ts';

export interface FilteredRecord {
  topic: string;
  partition: number;
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: readonly { key: string; value: Uint8Array | null }[];
}

/** A key or value: an object or array of JSON; or text, which is everything else (`42` and `"a"` too). */
export type Body =
  | { body: 'json'; json: object }
  | { body: 'text'; text: string | null | undefined | typeof UNREADABLE };

export class RecordView {
  private readonly record: FilteredRecord;
  private keyBody: Body | undefined;
  private valueBody: Body | undefined;
  private headerTexts: object | undefined;

  constructor(record: FilteredRecord) {
    this.record = record;
  }

  /** As in the event: a record without a key has no such field, and a tombstone's value is null. */
  body(name: 'key' | 'value'): Body {
    if (name === 'value') return (this.valueBody ??= bodyOf(this.record.value, null));
    return (this.keyBody ??= bodyOf(this.record.key, undefined));
  }

  field(name: 'topic' | 'partition' | 'offset' | 'timestamp'): string | number {
    return this.record[name];
  }

  /** Texts by name; of several headers with one name, each. */
  headers(): object {
    if (this.headerTexts === undefined) {
      const texts = new Map<string, unknown[]>();
      for (const { key, value } of this.record.headers) {
        const text = value === null ? null : (utf8Text(value) ?? UNREADABLE);
        const others = texts.get(key);
        if (others === undefined) texts.set(key, [text]);
        else others.push(text);
      }
      this.headerTexts = Object.fromEntries(texts);
    }
    return this.headerTexts;
  }
}

function bodyOf(bytes: Uint8Array | null, none: null | undefined): Body {
  if (bytes === null) return { body: 'text', text: none };
  const text = utf8Text(bytes);
  if (text === undefined) return { body: 'text', text: UNREADABLE };
  const json = /^[ \t\r\n]*[[{]/.test(text) ? parsed(text) : undefined;
  return json === undefined ? { body: 'text', text } : { body: 'json', json };
}

function parsed(text: string): object | undefined {
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}
