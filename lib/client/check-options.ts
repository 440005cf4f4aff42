/** Checking what applications give as options: a mistake is told when the object is made, by the option's name. */

export interface NumberOption {
  /** Where nothing is given. */
  value: number;
  min: number;
  max: number;
}

/** Whole numbers within their bounds, with defaults; throws a `RangeError` that names the option. */
export function numbersOf<Name extends string>(
  options: Readonly<Record<Name, NumberOption>>,
  given: Readonly<Partial<Record<NoInfer<Name>, number>>>,
): Record<Name, number> {
  const entries = (Object.entries(options) as [Name, NumberOption][]).map(([name, { value, min, max }]) => {
    const number = given[name] ?? value;
    if (!Number.isInteger(number) || number < min || number > max) {
      throw new RangeError(`${name} ${String(number)} is not a whole number from ${min} to ${max}`);
    }
    return [name, number] as const;
  });
  return Object.fromEntries(entries) as Record<Name, number>;
}

/** Throws a `TypeError` that names the option and what is allowed. */
export function oneOf<Name extends string>(option: string, value: unknown, allowed: readonly Name[]): Name {
  if ((allowed as readonly unknown[]).includes(value)) return value as Name;
  throw new TypeError(`${option} "${String(value)}" is not one of ${allowed.join(', ')}`);
}
