import { describe, expect, it } from 'vitest';
import { templateFormat } from '../../../lib/cli/consume/template.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';

const record = {
  offset: 7,
  timestamp: 1_767_225_600_000,
  key: utf8('ada'),
  value: utf8('größer'),
  headers: [
    { key: 'a', value: utf8('1') },
    { key: 'b', value: null },
  ],
};
const source = { topic: 'orders', partition: 2 };
const text = (template: string, of = record) => Buffer.from(templateFormat(template)(of, source)).toString('utf8');

describe('a template', () => {
  it('has a letter for everything', () => {
    expect(text('%t/%p/%o %T %k=%v|%s %K %S [%h] 100%%\\n')).toBe(
      'orders/2/7 1767225600000 ada=größer|größer 3 8 [a=1,b=] 100%\n',
    );
  });

  it('shows null as nothing, and its length as -1, as kcat does', () => {
    expect(text('[%k %K %v %S]', { ...record, key: null as never, value: null as never })).toBe('[ -1  -1]');
  });

  it('passes bytes through that are no text, and escapes', () => {
    const bytes = Uint8Array.of(0xff, 0, 10);
    expect(templateFormat('\\x00%v')({ ...record, value: bytes }, source)).toEqual(Uint8Array.of(0, 0xff, 0, 10));
  });

  it('does not look into what it shows', () => {
    expect(text('%v', { ...record, value: utf8('%k\\n') })).toBe('%k\\n');
  });

  it.each(['%x', '%', 'a%', '%n', '%constructor'])('is refused: %s', (template) => {
    expect(() => templateFormat(template)).toThrow(/^--template has "%.?"; there are %v or %s value/);
  });
});
