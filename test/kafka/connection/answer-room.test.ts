import { expect, it } from 'vitest';
import { AnswerRoom } from '../../../lib/kafka/connection/answer-room.ts';
import { Budget } from '../../../lib/kafka/connection/budget.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';
import { idle } from '../../support/manual-clock.ts';

const { kafkaFreeBytes: FREE } = kafkaLimits;
const { signal } = new AbortController();

/** Whether so much room can be had of it now. */
function hasRoom(budget: Budget, bytes: number): boolean {
  const holder = {};
  if (!budget.take(holder, bytes, () => {})) {
    budget.withdraw(holder);
    return false;
  }
  budget.give(bytes);
  return true;
}

const answer = (bytes: number) => new Uint8Array(bytes);

it('gives back what an answer does not need after all, and keeps the rest until it is released', async () => {
  const budget = new Budget(10 * FREE);
  const room = new AnswerRoom(budget);
  expect(await room.take(9 * FREE, signal)).toBe(true);
  expect(hasRoom(budget, 2 * FREE)).toBe(false);
  room.settle([answer(4 * FREE)]);
  expect(hasRoom(budget, 6 * FREE)).toBe(true);
  expect(hasRoom(budget, 6 * FREE + 1)).toBe(false);
  room.release();
  expect(hasRoom(budget, 10 * FREE)).toBe(true);
});

it('takes room without waiting where there is some, and lets those be hurried who keep it where there is none', async () => {
  const budget = new Budget(10 * FREE);
  const [room, other] = [new AnswerRoom(budget), new AnswerRoom(budget)];
  expect(room.takeNow(8 * FREE)).toBe(true);
  expect(budget.isContended).toBe(false);
  expect(other.takeNow(3 * FREE)).toBe(false);
  expect(budget.isContended).toBe(true);
  expect(other.takeNow(FREE)).toBe(true);
  room.release();
  expect(budget.isContended).toBe(false);
  expect(hasRoom(budget, 10 * FREE)).toBe(true);
});

it('gives back all where the answer is one that takes no room', async () => {
  const budget = new Budget(10 * FREE);
  const room = new AnswerRoom(budget);
  await room.take(10 * FREE, signal);
  room.settle([answer(FREE)]);
  expect(hasRoom(budget, 10 * FREE)).toBe(true);
});

it('takes what an answer has beyond what it was thought to need without waiting, and lets others wait for it', async () => {
  const budget = new Budget(10 * FREE);
  const [room, other] = [new AnswerRoom(budget), new AnswerRoom(budget)];
  room.settle([answer(15 * FREE)]);
  let granted = false;
  void other.take(2 * FREE, signal).then((isThere) => (granted = isThere));
  await idle();
  expect(granted).toBe(false);
  expect(budget.isContended).toBe(true);
  room.release();
  await idle();
  expect(granted).toBe(true);
});

it('counts all that parts of it keep in memory, where there is room for that', () => {
  const budget = new Budget(10 * FREE);
  const room = new AnswerRoom(budget);
  const whole = answer(6 * FREE);
  const parts = [whole.subarray(0, FREE), answer(10), whole.subarray(2 * FREE, 3 * FREE)];
  expect(room.settle(parts)).toBe(parts);
  expect(hasRoom(budget, 4 * FREE - 10)).toBe(true);
  expect(hasRoom(budget, 4 * FREE)).toBe(false);
  room.release();
  expect(hasRoom(budget, 10 * FREE)).toBe(true);
});

it('copies parts of what there is no room for, and hurries nobody for it', () => {
  const budget = new Budget(10 * FREE);
  const [room, other] = [new AnswerRoom(budget), new AnswerRoom(budget)];
  expect(other.takeNow(8 * FREE)).toBe(true);
  const whole = answer(6 * FREE).map((_, at) => at);
  const parts = [whole.subarray(1, 3), whole.subarray(FREE, FREE + 2)];
  const sent = room.settle(parts);
  expect(sent).toEqual([Uint8Array.of(1, 2, FREE % 256, (FREE + 1) % 256)]);
  expect(sent[0]?.buffer.byteLength).toBe(4);
  expect(budget.isContended).toBe(false);
  expect(hasRoom(budget, 2 * FREE)).toBe(true);
});
