/** What a request is called in metrics: few values, whatever clients send. */
import { SIMPLE_TYPES } from '../../lib/http/dialect/media-types.ts';
import { dialectPathOf } from '../../lib/http/dialect/paths.ts';
import { nativePathOf } from '../../lib/http/native/paths.ts';
import { PROBLEM_TYPE } from '../../lib/http/problems.ts';

const CODED_TYPES: ReadonlySet<string> = new Set([PROBLEM_TYPE, ...SIMPLE_TYPES]);

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** The route as it is documented; everything else is one label, because clients choose methods and paths. */
export function routeLabel(method: string, path: string): string {
  const known = nativePathOf(path) ?? dialectPathOf(path);
  return known === undefined || !METHODS.has(method) ? 'other' : `${method} ${known}`;
}

/** The native API's code, or the dialect's number, or else the status; `undefined` where the answer is no error. */
export async function errorCodeOf(response: Response): Promise<string | undefined> {
  if (response.status < 400) return undefined;
  const type = response.headers.get('content-type') ?? '';
  const text = CODED_TYPES.has(type) ? await response.clone().text() : '';
  // The answer to HEAD has the headers only.
  const { code, error_code } = text === '' ? {} : (JSON.parse(text) as { code?: string; error_code?: number });
  return code ?? error_code?.toString() ?? `HTTP_${response.status}`;
}
