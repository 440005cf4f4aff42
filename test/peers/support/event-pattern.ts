/**
 * Event patterns, as far as the stack's filter of the table's stream goes: values, `exists` on leaves, objects within
 * objects.
 */

export interface EventPattern {
  readonly [field: string]: EventPattern | readonly Matcher[];
}

type Matcher = string | { exists: boolean };

export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, rule]) => {
    const value = isObject(event) ? event[field] : undefined;
    return isMatchers(rule) ? rule.some((matcher) => matchesLeaf(matcher, value)) : matchesPattern(rule, value);
  });
}

function matchesLeaf(matcher: Matcher, value: unknown): boolean {
  if (typeof matcher === 'string') return value === matcher;
  if (typeof matcher.exists !== 'boolean') throw new Error(`a matcher that is not known: ${JSON.stringify(matcher)}`);
  return (value !== undefined && !isObject(value)) === matcher.exists;
}

function isMatchers(rule: EventPattern | readonly Matcher[]): rule is readonly Matcher[] {
  return Array.isArray(rule);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
