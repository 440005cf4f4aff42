/**
 * Where a handler is: `./orders.handler` is the export `handler` of the module `orders` beside the file that says so.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface HandlerModule {
  path: string;
  url: string;
  exportName: string;
}

/** Sources first, since what is built of them may be beside them. */
const EXTENSIONS = ['', '.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

/** What is wrong with it as a sentence's end, or the module. */
export function findHandler(handler: string, directory: string): HandlerModule | { refusal: string } {
  const [, module, exportName] = /^(.+)\.([A-Za-z_$][\w$]*)$/.exec(handler) ?? [];
  if (module === undefined || exportName === undefined || /[\s:]/.test(handler)) {
    return { refusal: 'is not <module>.<export> as in ./orders.handler' };
  }
  const base = resolve(directory, module);
  const path = EXTENSIONS.map((extension) => base + extension).find(isFile);
  if (path !== undefined) return { path, url: pathToFileURL(path).href, exportName };
  return { refusal: `names no module: there is no ${base} with ${EXTENSIONS.slice(1).join(', ')}` };
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
