/**
 * The text as a sentence: it ends with a full stop, and begins with a capital letter also where it was put together
 * from parts ("a read from DynamoDB" + "failed"). Only an article is made to begin with one: any other word may be the
 * name of a field or a config, which keeps its case.
 */
export function sentence(text: string): string {
  const begun = /^(?:an?|the|there) /.test(text) ? capitalized(text) : text;
  return begun.endsWith('.') ? begun : `${begun}.`;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
