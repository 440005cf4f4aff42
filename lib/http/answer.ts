/**
 * Answers that went well. Headers are plain objects, which @hono/node-server writes without building `Headers` first.
 */

/** Nothing of the API may be cached on the way, or taken by a browser for anything but what it says it is. */
export const COMMON_HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

/** `body` is JSON text already. */
export function jsonAnswer(body: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { 'Content-Type': 'application/json', ...COMMON_HEADERS, ...headers } });
}

export function typedAnswer(
  body: string | Uint8Array | ReadableStream<Uint8Array> | null,
  type: string,
  options: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return new Response(body, {
    status: options.status ?? 200,
    headers: { 'Content-Type': type, ...COMMON_HEADERS, ...options.headers },
  });
}

export function emptyAnswer(status: 204): Response {
  return new Response(null, { status, headers: COMMON_HEADERS });
}
