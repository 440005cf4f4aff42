/**
 * The functions that triggers invoke: a service of its own, which goes on with what it has begun whatever becomes of
 * the dispatcher. What an invocation does is drawn by the seed: it succeeds, throws, takes all its time, answers what
 * nobody can read, fails some records, or its answer is lost while it goes on.
 */
import type { Trigger } from '../../../lib/coordination/triggers/trigger.ts';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { FunctionInvoker, Invocation, InvocationError, InvocationResult } from '../../../lib/triggers/ports.ts';
import type { Network } from '../network.ts';
import { type Scheduler, SimulatedProcess } from '../scheduler.ts';
import type { Meaning, Run, RunRecord, TriggerHistory, WindowState } from './trigger-history.ts';
import { isPatient, type WorldPlan } from './trigger-settings.ts';

export interface FunctionSite {
  scheduler: Scheduler;
  network: Network;
  history: TriggerHistory;
  plan: WorldPlan;
  /** No more mishaps but those of records that always fail. */
  isCalm: () => boolean;
  /** As it was when it was made, or altered last. */
  triggerOf: (target: string) => Trigger;
  /** Ends the dispatcher's process. */
  crash: (process: SimulatedProcess) => void;
  freeze: (process: SimulatedProcess) => void;
}

type Fate = { fate: 'good' | 'poison' | 'killer' } | { fate: 'flaky'; left: number };

/** What an invocation does, and says. */
interface Script {
  durationMs: number;
  meaning: Meaning;
  result: InvocationResult;
  kills?: boolean;
}

interface KafkaEvent {
  records: Record<string, { offset: number; key?: string; value: string | null; topic: string; partition: number }[]>;
  window?: { start: string; end: string };
  state?: WindowState;
  shardId?: string;
  isFinalInvokeForWindow?: boolean;
}

/** Each takes minutes until it is given up, since a lease has to run out for each attempt. */
const KILLERS_MAX = 2;

export class Functions {
  private readonly site: FunctionSite;
  private readonly random: Random;
  private readonly service = new SimulatedProcess('functions');
  private readonly fates = new Map<string, Fate>();
  /** Until when by the virtual time all invocations are refused. */
  private refusedUntilMs = 0;
  private readonly rates: { throttled: number; lost: number; odd: number; mishap: number };
  private requests = 0;
  private killers = 0;

  constructor(site: FunctionSite) {
    this.site = site;
    this.random = site.scheduler.random;
    const isStormy = site.plan.scenario !== 'unswept';
    const chance = (max: number) => (isStormy && this.random.fraction() < 0.7 ? this.random.fraction() * max : 0);
    this.rates = { throttled: chance(0.1), lost: chance(0.08), odd: chance(0.4), mishap: chance(0.06) };
  }

  /** As the process of a dispatcher has it. */
  invoker(process: SimulatedProcess): FunctionInvoker {
    return { invoke: (invocation) => this.invoke(process, invocation) };
  }

  /** Nobody may invoke them for a while. */
  refuse(forMs: number): void {
    this.refusedUntilMs = this.site.scheduler.nowMs + forMs;
  }

  private invoke(process: SimulatedProcess, invocation: Invocation): Promise<InvocationResult> {
    const { scheduler, network, history, isCalm } = this.site;
    const { promise, resolve } = Promise.withResolvers<InvocationResult>();
    const answer = (result: InvocationResult, delayMs: number) =>
      scheduler.schedule(process, delayMs, () => resolve(result));
    const run = this.runOf(process, invocation);
    network.note(`${process.name} invokes ${run.target.split(':').at(-1)} for ${run.place} ${offsetsOf(run)}`);
    if (!isCalm() && scheduler.nowMs < this.refusedUntilMs) {
      history.count('invocations refused');
      answer({ outcome: 'refused', error: error('ResourceNotFoundException') }, 5 + this.random.fraction() * 20);
    } else if (!isCalm() && this.random.fraction() < this.rates.throttled) {
      history.count('invocations throttled');
      answer({ outcome: 'not-run', error: error('TooManyRequestsException') }, 5 + this.random.fraction() * 20);
    } else if (!isCalm() && this.random.fraction() < this.rates.lost / 2) {
      history.count('invocations lost');
      answer(unknown, this.patience(invocation));
    } else {
      const lateMs = this.random.fraction() * (this.random.fraction() < 0.9 ? 20 : 1_000);
      scheduler.schedule(this.service, lateMs, () => this.begin(process, run, invocation, answer));
    }
    return promise;
  }

  /**
   * How long until a caller takes the silence for an end: mostly soon, since connections break; or when time is over.
   */
  private patience({ timeoutMs }: Invocation): number {
    const { random } = this;
    return random.fraction() < 0.6 ? random.fraction() * timeoutMs : timeoutMs + triggerLimits.invocationMarginMs;
  }

  private begin(
    process: SimulatedProcess,
    run: Run,
    invocation: Invocation,
    answer: (result: InvocationResult, delayMs: number) => void,
  ): void {
    const { scheduler, network, history, isCalm } = this.site;
    run.startedMs = scheduler.nowMs;
    history.runs.push(run);
    const { durationMs, meaning, result, kills = false } = this.script(run, invocation);
    network.note(
      `${run.place} ${offsetsOf(run)} begins, for ${durationMs.toFixed(0)} ms, and will have ${meaning.kind}`,
    );
    const isLost = !isCalm() && this.random.fraction() < this.rates.lost;
    if (isLost) {
      history.count('answers lost');
      answer(unknown, this.patience(invocation));
    }
    if (kills) scheduler.schedule(this.service, durationMs / 2, () => this.site.crash(process));
    else if (!isCalm() && this.random.fraction() < this.rates.mishap) this.mishap(process, durationMs);
    scheduler.schedule(this.service, durationMs, () => {
      run.ended = history.tick();
      run.endedMs = scheduler.nowMs;
      run.meaning = meaning;
      if (!isLost) answer(result, 1 + this.random.fraction() * 20);
    });
  }

  /** The dispatcher is gone, or absent, while the function runs. */
  private mishap(process: SimulatedProcess, durationMs: number): void {
    const { scheduler, crash, freeze } = this.site;
    const what = this.random.fraction() < 0.5 ? crash : freeze;
    scheduler.schedule(this.service, this.random.fraction() * durationMs * 1.2, () => what(process));
  }

  private runOf(process: SimulatedProcess, { target, payload }: Invocation): Run {
    const { scheduler, history, triggerOf } = this.site;
    const event = JSON.parse(utf8Text(payload) ?? '') as KafkaEvent;
    const [[place, list] = [String(event.shardId), []]] = Object.entries(event.records);
    const records: RunRecord[] = list.map(({ offset, key, value }) => ({
      offset,
      key: key === undefined ? null : Buffer.from(key, 'base64').toString(),
      value: value === null ? 'null' : Buffer.from(value, 'base64').toString(),
    }));
    return {
      target,
      group: triggerOf(target).group,
      place,
      records,
      by: process.name,
      issued: history.tick(),
      issuedMs: scheduler.nowMs,
      startedMs: Number.POSITIVE_INFINITY,
      endedMs: Number.POSITIVE_INFINITY,
      ended: Number.POSITIVE_INFINITY,
      meaning: { kind: 'running' },
      ...(event.window && {
        window: {
          startMs: Date.parse(event.window.start),
          isFinal: event.isFinalInvokeForWindow === true,
          passed: event.state ?? {},
        },
      }),
    };
  }

  private script(run: Run, { timeoutMs }: Invocation): Script {
    const { isCalm, triggerOf, history } = this.site;
    const trigger = triggerOf(run.target);
    const { random } = this;
    const durationMs = this.duration(timeoutMs);
    const bad = run.records.filter((record) => this.isBad(record, trigger));
    const kills = bad.some(({ value }) => this.fates.get(value)?.fate === 'killer');
    if (kills) {
      history.count('dispatchers killed by a record');
      return { ...this.thrown(durationMs), kills };
    }
    if (bad.length > 0) {
      const names = bad.map(({ offset }) => offset);
      if (trigger.reportBatchItemFailures && random.fraction() < 0.6) return this.partial(run, durationMs, names);
      return this.failed(run, trigger, { durationMs, timeoutMs });
    }
    if (isCalm() || random.fraction() >= this.rates.odd) return this.succeeded(run, trigger, durationMs);
    if (random.fraction() < 0.6) return this.failed(run, trigger, { durationMs, timeoutMs });
    if (trigger.reportBatchItemFailures && run.records.length > 0) {
      const some = run.records.filter(() => random.fraction() < 0.3).map(({ offset }) => offset);
      if (some.length > 0) return this.partial(run, durationMs, some);
    }
    return this.succeeded(run, trigger, timeoutMs * random.fraction());
  }

  private isBad({ value }: RunRecord, trigger: Trigger): boolean {
    const { plan, isCalm } = this.site;
    const { random } = this;
    let fate = this.fates.get(value);
    if (fate === undefined) {
      const isPoison = random.fraction() < 1 / plan.poisonEvery;
      const isFlaky = plan.scenario !== 'unswept' && random.fraction() < 0.03;
      const isKiller = isPoison && plan.killers && this.killers < KILLERS_MAX && random.fraction() < 0.3;
      if (isKiller) this.killers++;
      if (isPoison) fate = { fate: isKiller ? 'killer' : 'poison' };
      else fate = isFlaky ? { fate: 'flaky', left: 1 + randomBelow(random, 3) } : { fate: 'good' };
      this.fates.set(value, fate);
    }
    if (fate.fate === 'flaky') return fate.left-- > 0;
    return fate.fate !== 'good' && !(isCalm() && isPatient(trigger));
  }

  private duration(timeoutMs: number): number {
    const { random } = this;
    const isLong = this.site.plan.scenario !== 'unswept' && random.fraction() < 0.05;
    return Math.min(timeoutMs * 0.95, isLong ? timeoutMs * random.fraction() : 5 + random.fraction() * 150);
  }

  private succeeded(run: Run, trigger: Trigger, durationMs: number): Script {
    const state = this.carriedOn(run, run.records);
    const odd = ['done', 7, [1], { statusCode: 200 }];
    const plain = [undefined, null, '', {}, { batchItemFailures: [] }];
    const isFree = !trigger.reportBatchItemFailures && run.window === undefined;
    const answers = isFree ? [...plain, ...odd] : plain;
    const response = run.window?.isFinal === false ? { state } : answers[randomBelow(this.random, answers.length)];
    return { durationMs, meaning: { kind: 'succeeded' }, result: returned(this.requestId(), response) };
  }

  private partial(run: Run, durationMs: number, offsets: readonly number[]): Script {
    const firstFailed = Math.min(...offsets);
    const batchItemFailures = offsets
      .map((offset) => ({ itemIdentifier: this.identifier(run.place, offset) }))
      .sort(() => this.random.fraction() - 0.5);
    const state = this.carriedOn(
      run,
      run.records.filter(({ offset }) => offset < firstFailed),
    );
    const response = { batchItemFailures, ...(run.window && { state }) };
    return { durationMs, meaning: { kind: 'partial', firstFailed }, result: returned(this.requestId(), response) };
  }

  private identifier(place: string, offset: number): unknown {
    return this.random.fraction() < 0.5 ? { partition: place, offset } : `${place}-${offset}`;
  }

  private failed(
    run: Run,
    trigger: Trigger,
    { durationMs, timeoutMs }: { durationMs: number; timeoutMs: number },
  ): Script {
    const { random } = this;
    const fate = random.fraction();
    if (fate < 0.15) {
      this.site.history.count('functions timed out');
      return { ...this.thrown(timeoutMs), durationMs: timeoutMs };
    }
    const mustBeRead = trigger.reportBatchItemFailures || run.window?.isFinal === false;
    if (!mustBeRead || fate < 0.5) return this.thrown(durationMs);
    this.site.history.count('answers that mean nothing');
    const state = run.window === undefined ? {} : { state: this.carriedOn(run, run.records) };
    // Records that it was not given, beside such as it was.
    const foreign = [
      this.identifier(run.place, (run.records.at(-1)?.offset ?? 0) + 1 + randomBelow(random, 100)),
      this.identifier('elsewhere-0', run.records[0]?.offset ?? 0),
      '',
      undefined,
    ];
    const itemIdentifier = foreign[randomBelow(random, foreign.length)];
    const named = run.records.slice(0, 1).map(({ offset }) => ({ itemIdentifier: this.identifier(run.place, offset) }));
    const failures = { ...state, batchItemFailures: [...(random.fraction() < 0.3 ? named : []), { itemIdentifier }] };
    const unreadable = [7, 'thanks', [], ...(trigger.reportBatchItemFailures ? [failures, failures, failures] : [])];
    const response = unreadable[randomBelow(random, unreadable.length)];
    return { durationMs, meaning: { kind: 'failed' }, result: returned(this.requestId(), response) };
  }

  private thrown(durationMs: number): Script {
    const result = { outcome: 'failed' as const, requestId: this.requestId(), error: error('Unhandled') };
    return { durationMs, meaning: { kind: 'failed' }, result };
  }

  private carriedOn(run: Run, records: readonly RunRecord[]): WindowState {
    const values = [...(run.window?.passed.values ?? []), ...records.map(({ value }) => value)];
    if (run.window !== undefined && !run.window.isFinal) run.window.returned = { values };
    return { values };
  }

  private requestId(): string {
    return `request-${this.requests++}`;
  }
}

const unknown: InvocationResult = { outcome: 'unknown', error: { kind: 'Unknown', message: 'simulated silence' } };

function error(kind: string): InvocationError {
  return { kind, message: 'simulated' };
}

function returned(requestId: string, response: unknown): InvocationResult {
  return { outcome: 'returned', requestId, response };
}

function offsetsOf({ records }: Run): string {
  return records.length === 0 ? 'end of window' : `${records[0]?.offset}..${records.at(-1)?.offset}`;
}
