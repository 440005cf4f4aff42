/** The TypeScript types of a message. */
import type { Struct } from './schema.ts';
import { isNullable, isOptional, typeName } from './types.ts';
import { condition } from './versions.ts';

export function renderInterface(struct: Struct): string {
  const fields = struct.fields.map((field) => {
    const optional = isOptional(field, struct) ? '?' : '';
    const nullable = isNullable(field) ? ' | null' : '';
    const of = condition(field.versions, struct.versions);
    const when = of === 'true' || of === 'false' ? '' : ` (${of.replaceAll('version ', '').replaceAll('&&', 'and')})`;
    return `  /** ${sentence(field.about)}${when} */\n  ${field.name}${optional}: ${typeName(field.type)}${nullable};`;
  });
  return `export interface ${struct.name} {\n${fields.join('\n')}\n}`;
}

function sentence(about = ''): string {
  return about.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ').trim();
}
