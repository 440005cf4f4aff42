import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a file of Java's properties and gives its path. */
export function writeProperties(directory: string, name: string, properties: Readonly<Record<string, string>>): string {
  const file = join(directory, `${name}.properties`);
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return file;
}
