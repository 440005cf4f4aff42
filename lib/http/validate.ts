/** Runs a request's schema and says what is wrong in the API's own error, by the field's name. */
import type { z } from '@hono/zod-openapi';
import type { MillraceError } from '../kernel/errors.ts';
import { fieldPath } from './json/parse.ts';
import { malformedField, unknownField } from './problems.ts';

type Issue = z.core.$ZodIssue;

/** Throws INVALID_REQUEST for the first thing that is wrong. */
export function validate<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const issues = issuesOf(result.error);
  // A field that does not exist explains the missing one beside it, so it is named first.
  const issue = issues.find((candidate) => candidate.code === 'unrecognized_keys') ?? issues[0];
  throw faultOf(issue as Issue, schema);
}

/** What a schema finds wrong, of unions by the option that was meant. */
export function issuesOf(error: z.ZodError): Issue[] {
  return error.issues.flatMap(withinUnion);
}

/** Of a union, the issues of the one option that fits from outside and is wrong further inside, where there is one. */
function withinUnion(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.filter((issues) => !issues.some(isMismatch));
  if (meant.length !== 1) return [issue];
  return (meant[0] ?? []).flatMap((inner) => withinUnion({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** The option is not meant at all: the input is of another kind. */
function isMismatch(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

function faultOf(issue: Issue, schema: z.ZodType): MillraceError {
  const path = issue.path.reduce<string>(
    (parent, key) => fieldPath(parent, typeof key === 'number' ? key : String(key)),
    '',
  );
  if (issue.code === 'unrecognized_keys') {
    return unknownField(fieldPath(path, issue.keys[0] ?? ''), fieldsOf(schema));
  }
  return malformedField(path, issue.message);
}

/** The names of an object schema's fields. */
export function fieldsOf(schema: z.ZodType): string[] {
  return 'shape' in schema ? Object.keys(schema.shape as object) : [];
}
