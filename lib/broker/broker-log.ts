/** Where use cases say what an operator should know. Doors bind it to their logger. */
export interface BrokerLog {
  info(message: string, facts: Record<string, unknown>): void;
  warn(message: string, facts: Record<string, unknown>): void;
  error(message: string, facts: Record<string, unknown>): void;
}

export const silentLog: BrokerLog = { info: () => {}, warn: () => {}, error: () => {} };
