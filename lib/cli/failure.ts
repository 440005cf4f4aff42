/** How a command ends that did not do all it was asked for: a sentence and an exit code. */
import { MillraceClientError } from '../client/errors.ts';

/** 0 is success. */
export const EXIT = { failure: 1, usage: 2, interrupted: 130 } as const;

/** The message is a sentence for whoever typed the command. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The arguments cannot be meant. */
export class UsageError extends Failure {
  override readonly name = 'UsageError';

  constructor(message: string) {
    super(message, EXIT.usage);
  }
}

/** What to say of an error; `undefined` where it is a bug. */
export function failureOf(error: unknown, url: string): Failure | undefined {
  if (error instanceof Failure) return error;
  if (error instanceof MillraceClientError) return new Failure(sentenceOf(error, url));
  return undefined;
}

/** One sentence, and another where there is something to do about it or to know. */
export function sentenceOf(error: MillraceClientError, url: string): string {
  const said = reasonOf(error, url);
  if (error.code === 'UNAUTHENTICATED') return `${said} Give an API key with MILLRACE_API_KEY or --key.`;
  return error.effect === 'unknown' ? `${said} It may have been done all the same.` : said;
}

/** What happened, of a request that is made again. */
export function reasonOf(error: MillraceClientError, url: string): string {
  return error.code === 'NETWORK_ERROR' ? noAnswer(error, url) : error.message;
}

function noAnswer(error: MillraceClientError, url: string): string {
  const reason = deepestReason(error.cause);
  return `There is no answer from ${url}${reason === undefined ? '' : ` (${reason})`}: is the server running, and is --url right?`;
}

/** `fetch` hides what happened behind "fetch failed", in causes, and in lists where it tried several addresses. */
function deepestReason(cause: unknown, depth = 0): string | undefined {
  if (!(cause instanceof Error) || depth > CAUSES_MAX) return undefined;
  const inner = cause instanceof AggregateError ? (cause.errors as unknown[])[0] : cause.cause;
  return deepestReason(inner, depth + 1) ?? (depth === 0 ? undefined : cause.message || undefined);
}

const CAUSES_MAX = 8;
