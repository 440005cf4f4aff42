/** The functions that write the structs of a message. */
import type { Field, FieldType, Struct } from './schema.ts';
import { defaultOf, hasLength, isNullable, isOptional } from './types.ts';
import { condition, isEmpty, type Versions } from './versions.ts';

export function renderEncode(struct: Struct, exported: boolean): string {
  const name = exported ? `export function encode${struct.name}` : `function write${struct.name}`;
  return [
    `${name}(writer: WireWriter, version: number, message: ${struct.name}): void {`,
    ...struct.fields.flatMap((field) => writePlain(field, struct)),
    ...writeTags(struct),
    '}',
  ].join('\n');
}

function writePlain(field: Field, struct: Struct): string[] {
  const untagged = isEmpty(field.tagged) ? field.versions : { ...field.versions, highest: field.tagged.lowest - 1 };
  const of = condition(untagged, struct.versions);
  const lost = [condition(field.versions, struct.versions)]
    .filter((any) => any !== 'true' && !field.ignorable)
    .map((any) => `  if (!(${any})) refuseIf(${isSet(field)}, '${struct.name}.${field.name}', version);`);
  if (of === 'false') return lost;
  const given = isOptional(field, struct) ? `(message.${field.name} ?? ${defaultOf(field)})` : `message.${field.name}`;
  // `??` would take a null that was given for the default.
  const value =
    isOptional(field, struct) && isNullable(field) && defaultOf(field) !== 'null'
      ? `(message.${field.name} === undefined ? ${defaultOf(field)} : message.${field.name})`
      : given;
  const write = `${writeValue(field, untagged, value)};`;
  return [of === 'true' ? `  ${write}` : `  if (${of}) ${write}`, ...lost];
}

function writeTags(struct: Struct): string[] {
  const flexible = condition(struct.flexible, struct.versions);
  if (flexible === 'false') return [];
  const tagged = struct.fields.filter((field) => !isEmpty(field.tagged)).sort((a, b) => a.tag - b.tag);
  const guard = flexible === 'true' ? '' : `if (${flexible}) `;
  if (tagged.length === 0) return [`  ${guard}writer.taggedFields();`];
  return [
    '  const tagged: TaggedField[] = [];',
    ...tagged.flatMap((field) => {
      const of = condition(field.tagged, struct.versions);
      const when = [...(of === 'true' ? [] : [of]), isSet(field)].join(' && ');
      const value = `message.${field.name}`;
      return [
        `  if (${when}) {`,
        `    const value = ${value};`,
        `    tagged.push({ tag: ${field.tag}, write: (writer) => ${writeValue(field, field.tagged, 'value')} });`,
        '  }',
      ];
    }),
    `  ${guard}writer.taggedFields(tagged);`,
  ];
}

/** The field was given, and has another value than its default. */
function isSet(field: Field, value = `message.${field.name}`): string {
  if (defaultOf(field) === 'null') return `${value} !== undefined && ${value} !== null`;
  return `${value} !== undefined && ${differs(field, value)}`;
}

function differs(field: Field, value: string): string {
  const { type } = field;
  if (type.kind === 'struct')
    return `(${type.struct.fields.map((inner) => isSet(inner, `${value}.${inner.name}`)).join(' || ')})`;
  const hasElements = type.kind === 'array' || type.kind === 'bytes' || type.kind === 'records';
  if (!hasElements) return `${value} !== ${defaultOf(field)}`;
  return isNullable(field) ? `(${value} === null || ${value}.length > 0)` : `${value}.length > 0`;
}

function writeValue(field: Field, among: Versions, value: string): string {
  const flexible = condition(field.flexible, among);
  const nullable = condition(field.nullable, among);
  if (!isNullable(field) || nullable === 'true')
    return write(field.type, value, { flexible, nullable: isNullable(field) });
  // Null where the version knows none: the type cannot say so.
  const checked = `refuseNull(${value}, ${nullable}, '${field.name}', version)`;
  return write(field.type, checked, { flexible, nullable: true });
}

function write(
  type: FieldType,
  value: string,
  { flexible, nullable }: { flexible: string; nullable: boolean },
): string {
  if (type.kind === 'array') {
    const element = write(type.element, 'element', { flexible, nullable: false });
    return `writer.array(${value}, ${flexible}, (element) => ${element})`;
  }
  if (type.kind === 'struct') {
    const { name } = type.struct;
    return nullable
      ? `writer.nullableStruct(${value}, (struct) => write${name}(writer, version, struct))`
      : `write${name}(writer, version, ${value})`;
  }
  return hasLength(type.kind) ? `writer.${type.kind}(${value}, ${flexible})` : `writer.${type.kind}(${value})`;
}
