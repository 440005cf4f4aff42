/**
 * The tree that an event pattern is read into. Its values are JSON's: fields of an object must all match, one matcher
 * of a list must, and `$or` has alternatives of fields.
 */

export type Pattern = FieldsPattern | LeafPattern;

export interface FieldsPattern {
  pattern: 'fields';
  fields: readonly { name: string; pattern: Pattern }[];
  /** One for each `$or`: one of its alternatives must match beside the fields. */
  choices: readonly (readonly FieldsPattern[])[];
}

export interface LeafPattern {
  pattern: 'leaf';
  /** Values that match as they are: strings, numbers (by value: 1 is 1.0), booleans, null. */
  exact: ReadonlySet<JsonLeaf>;
  tests: readonly LeafTest[];
  /** `{"exists": false}` is among the matchers. */
  absent: boolean;
}

export type JsonLeaf = string | number | boolean | null;

/** Bytes that are no UTF-8: something is there (`{"exists": true}`), and it equals nothing. */
export const UNREADABLE = Symbol('unreadable');

export type Leaf = JsonLeaf | typeof UNREADABLE;

export type LeafTest = (leaf: Leaf) => boolean;

/** Why a pattern is refused: leaves the recursion of the parser, never this folder. */
export class PatternError extends Error {
  /** Where in the pattern, as `value.orders[0].prefix`; empty: the pattern itself. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}
