/**
 * Keeps web pages away from a server that asks for no key.
 *
 * Such a server is bound to loopback, but a browser on the same machine is on loopback too. A page can send it requests
 * (seen by `Origin`), and by DNS rebinding can make its own host name point to 127.0.0.1 and so share the server's
 * origin (seen by `Host`). Both headers must therefore name this machine, or what the operator has configured.
 */
import { MillraceError } from '../kernel/errors.ts';
import { quoted } from './media-type.ts';

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The usual Host of such a server, seen without parsing it as a URL. */
const PLAIN_LOOPBACK = /^(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$/;

export interface SameSiteOptions {
  /** Where the operator says the server is reached; its host name is allowed. */
  advertisedUrl?: string;
  /** Origins that CORS lets in. `*` is none: without keys nobody is let in whom the operator has not named. */
  origins?: readonly string[];
}

/** Throws FORBIDDEN where a header is not of this machine. */
export function requireSameSite(
  headers: { host: string | undefined; origin: string | undefined },
  options: SameSiteOptions,
): void {
  const { host, origin } = headers;
  if (host !== undefined && !PLAIN_LOOPBACK.test(host) && !allowed(hostNameOf(`http://${host}`), options)) {
    throw new MillraceError(
      'FORBIDDEN',
      `The Host ${quoted(host)} is not this server; without API keys it answers on loopback names only.`,
    );
  }
  if (origin === undefined || (origin !== '*' && options.origins?.includes(origin) === true)) return;
  if (!allowed(hostNameOf(origin), options)) {
    throw new MillraceError('FORBIDDEN', `The Origin ${quoted(origin)} is not let in; see --cors-origin.`);
  }
}

function allowed(hostName: string | undefined, options: SameSiteOptions): boolean {
  if (hostName === undefined) return false;
  if (LOOPBACK.has(hostName)) return true;
  return options.advertisedUrl !== undefined && hostName === hostNameOf(options.advertisedUrl);
}

function hostNameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}
