/** The query string, strictly: each parameter once, known, and whole UTF-8 text. */
import type { z } from '@hono/zod-openapi';
import { fieldPath } from './json/parse.ts';
import { quoted } from './media-type.ts';
import { malformedField, malformedRequest, unknownField } from './problems.ts';
import { fieldsOf, validate } from './validate.ts';

export function parseQuery<Schema extends z.ZodType>(url: string, schema: Schema): z.output<Schema> {
  const names = fieldsOf(schema);
  const query: Record<string, string> = {};
  for (const [name, value] of parametersOf(url)) {
    if (!names.includes(name)) throw unknownField(fieldPath('', name), names);
    if (Object.hasOwn(query, name)) throw malformedField(name, 'is there twice');
    query[name] = value;
  }
  return validate(schema, query);
}

function parametersOf(url: string): [string, string][] {
  const start = url.indexOf('?');
  if (start < 0) return [];
  const end = url.indexOf('#', start);
  const parameters: [string, string][] = [];
  for (const part of url.slice(start + 1, end < 0 ? undefined : end).split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decoded(equals < 0 ? part : part.slice(0, equals));
    parameters.push([name, equals < 0 ? '' : decoded(part.slice(equals + 1))]);
  }
  return parameters;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformedRequest(`the query string has ${quoted(text)}, which is not percent-encoded UTF-8`);
  }
}
