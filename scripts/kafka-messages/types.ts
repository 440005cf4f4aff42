/** What a field of a schema is in TypeScript: its type, its default, what it takes at least. */
import type { Field, FieldType, Primitive, Struct } from './schema.ts';
import { includes, intersect, isEmpty, versionsIn } from './versions.ts';

const TYPES: Record<Primitive, string> = {
  bool: 'boolean',
  int8: 'number',
  int16: 'number',
  uint16: 'number',
  int32: 'number',
  uint32: 'number',
  int64: 'bigint',
  float64: 'number',
  string: 'string',
  uuid: 'string',
  bytes: 'Uint8Array',
  records: 'Records',
};

/** The type of a field's value, without null. */
export function typeName(type: FieldType): string {
  if (type.kind === 'array') return `readonly ${typeName(type.element)}[]`;
  return type.kind === 'struct' ? type.struct.name : TYPES[type.kind];
}

export function isNullable({ nullable, versions }: Field): boolean {
  return !isEmpty(intersect(nullable, versions));
}

/**
 * Whoever writes a message may leave the field out: not all versions have it, or there is a value that it mostly has.
 */
export function isOptional(field: Field, { versions }: Struct): boolean {
  // Only quotas ever say so.
  if (field.name === 'throttleTimeMs') return true;
  const always = field.versions.lowest <= versions.lowest && field.versions.highest >= versions.highest;
  return !always || field.default !== undefined || !isEmpty(field.tagged);
}

/** The default as an expression. Of a struct that has none of its own: its fields' defaults. */
export function defaultOf(field: Field): string {
  const { type, default: given } = field;
  if (given === 'null') return 'null';
  if (type.kind === 'array') return '[]';
  if (type.kind === 'struct') {
    return `{ ${type.struct.fields.map((inner) => `${inner.name}: ${defaultOf(inner)}`).join(', ')} }`;
  }
  return primitiveDefault(type.kind, given);
}

function primitiveDefault(kind: Primitive, given: string | undefined): string {
  if (kind === 'uuid') return 'ZERO_UUID';
  if (kind === 'bytes' || kind === 'records') return 'EMPTY_BYTES';
  if (kind === 'bool') return given ?? 'false';
  if (kind === 'string') return JSON.stringify(given ?? '');
  return kind === 'int64' ? `${BigInt(given ?? 0)}n` : String(Number(given ?? 0));
}

/** Written with a length before it, in one of two forms. */
export function hasLength(kind: Primitive): boolean {
  return kind === 'string' || kind === 'bytes' || kind === 'records';
}

const FIXED_BYTES: Partial<Record<FieldType['kind'], number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
};

/** What a value takes on the wire at least, in any version. Never less than 1. */
export function bytesMin(type: FieldType, flexible: boolean): number {
  if (type.kind === 'struct') {
    const { struct } = type;
    return Math.max(1, Math.min(...versionsIn(struct.versions).map((version) => structBytesMin(struct, version))));
  }
  const length = flexible ? 1 : type.kind === 'string' ? 2 : 4;
  return FIXED_BYTES[type.kind] ?? length;
}

function structBytesMin({ fields, flexible }: Struct, version: number): number {
  let bytes = includes(flexible, version) ? 1 : 0;
  for (const field of fields) {
    if (!includes(field.versions, version) || includes(field.tagged, version)) continue;
    // A struct that may be null begins with a byte that says so, and is that byte alone where it is.
    const alone = field.type.kind === 'struct' && isNullable(field);
    bytes += alone ? 1 : bytesMin(field.type, includes(field.flexible, version));
  }
  return bytes;
}
