/** The functions that read the structs of a message. */
import type { Field, FieldType, Struct } from './schema.ts';
import { bytesMin, defaultOf, hasLength, isNullable } from './types.ts';
import { condition, intersect, isEmpty, type Versions } from './versions.ts';

export function renderDecode(struct: Struct, exported: boolean): string {
  const plain = struct.fields.map((field) => `    ${field.name}: ${readPlain(field, struct.versions)},`);
  const name = exported ? `export function decode${struct.name}` : `function read${struct.name}`;
  return [`${name}(reader: WireReader, version: number): Decoded<${struct.name}> {`, ...body(struct, plain), '}'].join(
    '\n',
  );
}

function body(struct: Struct, plain: string[]): string[] {
  const flexible = condition(struct.flexible, struct.versions);
  const tagged = struct.fields.filter((field) => !isEmpty(field.tagged));
  const message = [`  const message: Decoded<${struct.name}> = {`, ...plain, '  };'];
  if (flexible === 'false') return [...message, '  return message;'];
  const guard = flexible === 'true' ? '' : `if (${flexible}) `;
  if (tagged.length === 0) return [...message, `  ${guard}reader.taggedFields();`, '  return message;'];
  return [
    ...message,
    `  ${guard}reader.taggedFields((tag) => {`,
    '    switch (tag) {',
    ...tagged.flatMap((field) => readTagged(field, struct.versions)),
    '      default:',
    '        return false;',
    '    }',
    '  });',
    '  return message;',
  ];
}

function readTagged(field: Field, versions: Versions): string[] {
  const of = condition(field.tagged, intersect(field.flexible, versions));
  const check = of === 'true' ? [] : [`        if (!(${of})) return false;`];
  return [
    `      case ${field.tag}:`,
    ...check,
    `        message.${field.name} = ${readValue(field, field.tagged)};`,
    '        return true;',
  ];
}

function readPlain(field: Field, versions: Versions): string {
  const untagged = isEmpty(field.tagged) ? field.versions : { ...field.versions, highest: field.tagged.lowest - 1 };
  const of = condition(untagged, versions);
  if (of === 'false') return defaultOf(field);
  const value = readValue(field, untagged);
  return of === 'true' ? value : `${of} ? ${value} : ${defaultOf(field)}`;
}

/** `among`: the versions in which the expression is reached. */
function readValue(field: Field, among: Versions): string {
  const flexible = condition(field.flexible, among);
  if (!isNullable(field)) return read(field.type, { flexible, nullable: false });
  const nullable = condition(field.nullable, among);
  const orNull = read(field.type, { flexible, nullable: true });
  if (nullable === 'true') return orNull;
  const never = read(field.type, { flexible, nullable: false });
  return nullable === 'false' ? never : `(${nullable} ? ${orNull} : ${never})`;
}

function read(type: FieldType, { flexible, nullable }: { flexible: string; nullable: boolean }): string {
  if (type.kind === 'array') {
    const element = read(type.element, { flexible, nullable: false });
    return `reader.${orNull('array', nullable)}(${flexible}, ${elementBytesMin(type.element, flexible)}, () => ${element})`;
  }
  if (type.kind === 'struct') {
    const struct = `read${type.struct.name}(reader, version)`;
    return nullable ? `reader.nullableStruct(() => ${struct})` : struct;
  }
  if (!hasLength(type.kind)) return `reader.${type.kind}()`;
  return `reader.${orNull(type.kind === 'string' ? 'string' : 'bytes', nullable)}(${flexible})`;
}

function orNull(method: string, nullable: boolean): string {
  return nullable ? `nullable${method.charAt(0).toUpperCase()}${method.slice(1)}` : method;
}

function elementBytesMin(element: FieldType, flexible: string): number {
  const forms = flexible === 'true' ? [true] : flexible === 'false' ? [false] : [true, false];
  return Math.min(...forms.map((form) => bytesMin(element, form)));
}
