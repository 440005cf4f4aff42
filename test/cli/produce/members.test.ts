import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { membersOf } from '../../../lib/cli/produce/members.ts';

it('are as they were written', () => {
  const text = ' { "a" : 1.50 , "b":{"z":1,"2":[ "}" , "\\"," ]},"\\u0063" :"x\\\\", "d":null } ';
  expect(membersOf(text)).toEqual([
    { name: 'a', text: '1.50' },
    { name: 'b', text: '{"z":1,"2":[ "}" , "\\"," ]}' },
    { name: 'c', text: '"x\\\\"' },
    { name: 'd', text: 'null' },
  ]);
  expect(membersOf('{ }')).toEqual([]);
});

it('are those of the object, each once and in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.jsonValue())),
      fc.boolean(),
      (members, pretty) => {
        const written = members.map(([name, value]) => [name, JSON.stringify(value, null, pretty ? 2 : 0)] as const);
        const text = `{${written.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(pretty ? ' , ' : ',')}}`;
        expect(membersOf(text)).toEqual(written.map(([name, value]) => ({ name, text: value })));
      },
    ),
  );
});
