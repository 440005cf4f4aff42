import { describe, expect, test } from 'vitest';
import { parseIpRange } from '../../../../lib/coordination/triggers/filter/ip-range.ts';

describe('a range of addresses', () => {
  test.each([
    ['10.0.0.0/24', '10.0.0.255', true],
    ['10.0.0.0/24', '10.0.1.0', false],
    ['10.0.0.7/9', '10.127.255.255', true],
    ['10.0.0.7/9', '10.128.0.0', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['10.0.0.1/32', '10.0.0.2', false],
    ['10.0.0.0/8', '10.0.0', false],
    ['10.0.0.0/8', '10.0.0.256', false],
    ['10.0.0.0/8', '10.0.0.01', false],
    ['10.0.0.0/8', 'text', false],
    ['2001:db8::/32', '2001:DB8:1::ffff', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['::ffff:10.0.0.0/120', '::ffff:10.0.0.9', true],
    ['::ffff:10.0.0.0/120', '10.0.0.9', false],
    ['::/0', '1:2:3:4:5:6:7:8', true],
    ['::/0', '1:2:3:4:5:6:7', false],
    ['::/0', '1:2:3:4:5:6:7:8:9', false],
    ['::/0', '1::2::3', false],
    ['::/0', '1:2:3:4:5:6:7:8::', false],
    ['::1/128', '0:0:0:0:0:0:0:1', true],
  ])('%s of %s: %s', (range, address, expected) => {
    expect(parseIpRange(range)?.contains(address)).toBe(expected);
  });

  test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0/8', '::/129', '/8', '::/1/2', '10.0.0.0/8 '])(
    'is not %s',
    (text) => {
      expect(parseIpRange(text)).toBeUndefined();
    },
  );
});
