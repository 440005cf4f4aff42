/** What a worker and the server say to each other. */

/** What a worker is made with. */
export interface HandlerSettings {
  /** Of the module. */
  url: string;
  /** Which of its exports is the handler. */
  exportName: string;
  functionName: string;
}

/** To the worker, which has one at a time. */
export interface InvokeMessage {
  requestId: string;
  /** UTF-8 JSON. */
  payload: Uint8Array;
  timeoutMs: number;
  tenantId?: string;
}

export type WorkerMessage =
  /** A source that was loaded, not of node_modules. */
  | { kind: 'source'; url: string }
  /** The module is loaded and has the handler. */
  | { kind: 'ready' }
  | { kind: 'unloadable'; error: HandlerError }
  | { kind: 'output'; stream: 'stdout' | 'stderr'; text: string; requestId?: string }
  /** `json` is absent where the handler returned nothing. */
  | { kind: 'returned'; requestId: string; json?: string }
  | { kind: 'failed'; requestId: string; error: HandlerError }
  /** Something was thrown that nobody awaits: the worker is of no use any more. */
  | { kind: 'crashed'; requestId?: string; error: HandlerError };

/** As Lambda's runtime for Node reports errors. */
export interface HandlerError {
  errorType: string;
  errorMessage: string;
  stack?: string;
}
