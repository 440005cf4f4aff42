/** Schedules that random ones come upon too seldom (docs/groups.md), each with and without the rule that answers it. */
import { describe, expect, test } from 'vitest';
import { GroupModel } from '../../support/group-model.ts';
import { sabotages } from '../../support/group-sabotage.ts';
import type { Step } from '../../support/group-steps.ts';

const join = (client: number): Step => ({ step: 'join', client, late: false });
const heartbeat = (client: number, targetAge = 0): Step => ({
  step: 'heartbeat',
  client,
  itemAge: 0,
  targetAge,
  slow: false,
  lost: false,
  late: false,
});
const regroup: Step = { step: 'regroup', process: 0, late: false };
const regroupLate: Step = { step: 'regroup', process: 1, late: true };
const leave = (client: number): Step => ({ step: 'leave', client, keepSeat: false, late: false });
const die: Step = { step: 'die', late: false };
const arrive: Step = { step: 'late', write: 0 };

/** The first member has all; the second is given half. */
const SHARED = [join(0), regroup, heartbeat(0), join(2), regroup];

const SCHEDULES: { rule: keyof typeof sabotages; name: string; steps: Step[] }[] = [
  {
    rule: 'a release believed of one who follows and owns',
    name: 'a partition was taken and given back before its owner noticed, and another goes by the target between',
    steps: [
      ...SHARED,
      { step: 'subscribe', client: 2 },
      heartbeat(2),
      regroup,
      heartbeat(0),
      heartbeat(0),
      heartbeat(2, 3),
    ],
  },
  {
    rule: 'a state that has changed since',
    name: 'two processes regroup at once, and the slower one does not know of a member that joined meanwhile',
    steps: [
      join(0),
      regroup,
      heartbeat(0),
      join(2),
      regroupLate,
      join(1),
      regroup,
      ...[0, 0, 1, 2].map((client) => heartbeat(client)),
      arrive,
      heartbeat(2),
      heartbeat(2),
    ],
  },
  {
    rule: 'a state of a group that was deleted since',
    name: 'a group is deleted, and a late write of it arrives at the next one of its name',
    steps: [
      join(0),
      regroup,
      heartbeat(0),
      leave(0),
      regroup,
      // Decided, and not written before the group is gone.
      join(2),
      regroupLate,
      leave(2),
      die,
      join(0),
      regroup,
      heartbeat(0),
      join(1),
      regroup,
      arrive,
      regroup,
      heartbeat(1),
    ],
  },
];

describe.each(SCHEDULES)('where $name', ({ rule, steps }) => {
  test('there is one owner', () => {
    expect(() => new GroupModel().run(steps).settle()).not.toThrow();
  });

  test(`there are two with ${rule}`, () => {
    expect(() => new GroupModel(sabotages[rule]).run(steps)).toThrow('a partition has one owner');
  });
});
