/** Structured logs: one JSON object a line on stderr. stdout belongs to the line that says when the server serves. */
import type { BrokerLog } from '../broker/broker-log.ts';
import type { Clock } from '../kernel/clock.ts';

export interface Logger extends BrokerLog {
  info(message: string, facts?: Record<string, unknown>): void;
}

type Level = 'info' | 'warn' | 'error';

export function createLogger(clock: Clock, write: (line: string) => void): Logger {
  const log = (level: Level, message: string, facts: Record<string, unknown> = {}) => {
    write(`${line({ time: clock.now(), level, message }, facts)}\n`);
  };
  return {
    info: (message, facts) => log('info', message, facts),
    warn: (message, facts) => log('warn', message, facts),
    error: (message, facts) => log('error', message, facts),
  };
}

/** A log never fails: what JSON cannot say is said as text. */
function line(head: Record<string, unknown>, facts: Record<string, unknown>): string {
  try {
    return JSON.stringify({ ...facts, ...head }, plain);
  } catch {
    return JSON.stringify({ ...head, facts: String(Object.keys(facts)) });
  }
}

function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return Object.assign({}, value, { name, message, stack, cause });
}
