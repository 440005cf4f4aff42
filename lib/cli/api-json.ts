/** As the API has it: its names are the client's in snake case, at every depth. */
export function apiJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(apiJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      apiJson(inner),
    ]),
  );
}
