/** The schedules of docs/replication.md, one by one: what a rule is for is seen by what happens without it. */
import { describe, expect, test } from 'vitest';
import { ReplicationModel } from '../../support/replication-model.ts';
import { sabotages } from '../../support/replication-sabotage.ts';
import type { Step } from '../../support/replication-steps.ts';

const now = { view: 0, late: false };
const later = { view: 0, late: true };
const begin = (acks: 'all' | 'leader'): Step => ({ step: 'begin', acks, slot: 0, records: 3, inline: false, view: 0 });
const upload = (...replicas: number[]): Step[] => replicas.map((replica) => ({ step: 'upload', writer: 0, replica }));
const append: Step = { step: 'append', writer: 0, late: false };
const look: Step = { step: 'look', writer: 0, view: 0 };
const produceAll: Step = { step: 'produce', acks: 'all', slot: 0 };
const electOther = { step: 'elect', alive: 0b110, unclean: false } as const;
/** The write that was planned `ago` writes before the last. */
const deliver = (ago: number): Step => ({ step: 'late', write: ago });
const leaveAndStartJoining: Step[] = [
  { step: 'leave', replica: 2, ...now },
  { step: 'start-joining', replica: 2, ...now },
];

/** What the model says of a ledger that has lost something, or would. */
const HARM =
  /disappears|does not go down|answered with acks=all|holds what the head says|held by everyone|once|next offset/;

const schedules: [keyof typeof sabotages, Step[]][] = [
  [
    'a join on an old look at the head',
    [
      ...leaveAndStartJoining,
      { step: 'join', replica: 2, ...later },
      begin('all'),
      ...upload(0, 1),
      append,
      look,
      deliver(1),
    ],
  ],
  [
    'a join that appends in flight do not notice',
    [...leaveAndStartJoining, begin('all'), ...upload(0, 1), { step: 'join', replica: 2, ...now }, append],
  ],
  [
    'acks=all answered above a gap that acks=leader left',
    [begin('leader'), ...upload(0), append, produceAll, { ...electOther, ...now }],
  ],
  [
    'an append of an old epoch',
    [begin('leader'), ...upload(0), { step: 'append', writer: 0, late: true }, { ...electOther, ...now }, deliver(1)],
  ],
  [
    'a cursor of an old epoch',
    [
      begin('leader'),
      ...upload(0),
      append,
      ...upload(2),
      { step: 'raise', writer: 0, replica: 2, ...later },
      { ...electOther, alive: 0b010, ...now },
      begin('leader'),
      ...upload(1),
      append,
      deliver(2),
    ],
  ],
  [
    'an election on an old look at the head',
    [
      begin('leader'),
      ...upload(0),
      append,
      { ...electOther, ...later },
      ...upload(1, 2),
      { step: 'raise', writer: 0, replica: 1, ...now },
      { step: 'raise', writer: 0, replica: 2, ...now },
      deliver(2),
    ],
  ],
  ['a seal above the high watermark', [begin('leader'), ...upload(0), append, { step: 'seal', ...now }]],
  ['a leaver whose cursor is not kept', [begin('leader'), ...upload(0), append, ...leaveAndStartJoining]],
  [
    'cursors that an election does not lower',
    [
      begin('leader'),
      ...upload(0),
      append,
      ...upload(1),
      { step: 'raise', writer: 0, replica: 1, ...now },
      { ...electOther, alive: 0b100, ...now },
      begin('leader'),
      ...upload(2),
      append,
    ],
  ],
  [
    'ids of what was cut off that stay in the head',
    [begin('leader'), ...upload(0), append, produceAll, { ...electOther, ...now }, look],
  ],
];

test('there is a schedule for each rule', () => {
  expect(schedules.map(([rule]) => rule)).toEqual(Object.keys(sabotages));
});

describe.each(schedules)('%s', (rule, steps) => {
  test('is refused or does no harm', () => {
    expect(new ReplicationModel().run(steps).heal().state.inSync).toBe(0b111);
  });

  test('would do harm', () => {
    expect(() => new ReplicationModel(sabotages[rule]).run(steps)).toThrow(HARM);
  });
});
