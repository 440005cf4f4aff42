import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function logged(log: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const lines: string[] = [];
  log(createLogger(new VirtualClock(1_000), (line) => lines.push(line)));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  return JSON.parse(lines[0] as string) as Record<string, unknown>;
}

describe('the log', () => {
  it('is one JSON object a line, with level, time and facts', () => {
    expect(logged((log) => log.info('a\nb'))).toEqual({ time: 1_000, level: 'info', message: 'a\nb' });
    expect(logged((log) => log.warn('w', { topic: 'orders' }))).toMatchObject({ level: 'warn', topic: 'orders' });
    expect(logged((log) => log.error('e', { n: 1n }))).toMatchObject({ level: 'error', n: '1' });
  });

  it('lets no fact pass for the level or the message', () => {
    expect(logged((log) => log.error('e', { level: 'info', message: 'm', time: 0 }))).toEqual({
      time: 1_000,
      level: 'error',
      message: 'e',
    });
  });

  it('says what an error was and what it came from', () => {
    const error = new MillraceError('KAFKA_STORAGE_ERROR', 'no', { effect: 'unknown', cause: new TypeError('why') });
    const { error: shown } = logged((log) => log.error('e', { error }));
    expect(shown).toMatchObject({
      name: 'MillraceError',
      message: 'no.',
      code: 'KAFKA_STORAGE_ERROR',
      effect: 'unknown',
      stack: expect.stringContaining('logger.test.ts') as string,
      cause: { name: 'TypeError', message: 'why' },
    });
  });

  it('says something even of what JSON cannot hold', () => {
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    expect(logged((log) => log.warn('w', { loop }))).toMatchObject({ level: 'warn', message: 'w' });
  });
});
