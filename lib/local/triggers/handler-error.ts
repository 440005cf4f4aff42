/** Errors as Lambda's runtime for Node says them. */
import type { HandlerError } from './handler-messages.ts';

export function handlerError(thrown: unknown): HandlerError {
  if (thrown instanceof Error) {
    const { name, message, stack } = thrown;
    return { errorType: name, errorMessage: message, ...(stack !== undefined && { stack }) };
  }
  return { errorType: typeof thrown, errorMessage: textOf(thrown) };
}

/** What is wrong with a module that could not be loaded. */
export function loadError(thrown: unknown): HandlerError {
  const error = handlerError(thrown);
  const { code } = (thrown ?? {}) as { code?: unknown };
  const isMissing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  const isSyntax = error.errorType === 'SyntaxError' || code === 'ERR_INVALID_TYPESCRIPT_SYNTAX';
  const errorType = isMissing
    ? 'Runtime.ImportModuleError'
    : isSyntax
      ? 'Runtime.UserCodeSyntaxError'
      : error.errorType;
  return { ...error, errorType };
}

/** Type and message as one text. */
export function describeError({ errorType, errorMessage }: HandlerError): string {
  return [errorType, errorMessage].filter((part) => part !== '').join(': ');
}

function textOf(thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown));
  } catch {
    return String(thrown);
  }
}
