/** Handlers in threads: what they are given, what becomes of what they do. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { serverLimits } from '../../../lib/kernel/limits/server.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { findHandler } from '../../../lib/local/triggers/handler-module.ts';
import { HandlerPool } from '../../../lib/local/triggers/handler-pool.ts';
import type { InvocationResult } from '../../../lib/triggers/ports.ts';
import { cleanUp, temporaryDirectory } from '../../support/local-process.ts';

const pools: HandlerPool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close(0)));
  await cleanUp();
});

interface Line {
  message: string;
  facts: Record<string, unknown>;
}

class World {
  readonly lines: Line[] = [];
  readonly sources: string[] = [];
  readonly pool: HandlerPool;
  readonly file: string;

  private constructor(file: string, exportName: string) {
    this.file = file;
    const module = findHandler(`${file.replace(/\.\w+$/, '')}.${exportName}`, '/');
    if ('refusal' in module) throw new Error(module.refusal);
    const note = (message: string, facts: Record<string, unknown> = {}) => void this.lines.push({ message, facts });
    this.pool = new HandlerPool({
      trigger: 'orders',
      module,
      environment: { GREETING: 'hello' },
      clock: systemClock,
      random: systemRandom,
      log: { info: note, warn: note, error: note },
      onSource: (url) => void this.sources.push(url),
    });
    pools.push(this.pool);
  }

  static async of(source: string, name = 'orders.ts', exportName = 'handler'): Promise<World> {
    const file = join(await temporaryDirectory(), name);
    await writeFile(file, source);
    return new World(file, exportName);
  }

  /** Resolves when handlers have written that line so often. */
  async said(line: string, times = 1): Promise<void> {
    const count = () => this.lines.filter(({ message }) => message === line).length;
    await vi.waitUntil(() => count() >= times, { timeout: serverLimits.handlerLoadMsMax });
  }

  invoke(event: unknown = {}, timeoutMs = 5_000, tenantId?: string): Promise<InvocationResult> {
    return this.pool.invoke({
      trigger: 'orders',
      target: './orders.handler',
      payload: utf8(JSON.stringify(event)),
      timeoutMs,
      ...(tenantId !== undefined && { tenantId }),
    });
  }
}

/** What keeps handlers until the test lets them go on; its channel reaches the threads of this process. */
class Gate {
  readonly name = `gate-${++gates}`;

  open(): void {
    const channel = new BroadcastChannel(this.name);
    channel.postMessage('open');
    channel.close();
  }
}

let gates = 0;

/** For a handler's source: says the gate's name once it listens, and waits until that is opened. */
const GATED = `async function gated(name) {
  const channel = new BroadcastChannel(name);
  const opened = new Promise((resolve) => { channel.onmessage = resolve; });
  console.log(name);
  await opened;
  channel.close();
}`;

const returns = (response: unknown) => ({ outcome: 'returned', response });
const fails = (message: string | RegExp) => ({
  outcome: 'failed',
  error: { kind: 'Unhandled', message: expect.stringMatching(message) },
});

describe('a handler', () => {
  it.each([
    [
      'an async function of a module with types',
      'orders.ts',
      'export const handler = async (event: { n: number }) => event.n + 1;',
    ],
    ['an async function of a module', 'orders.mjs', 'export const handler = async (event) => event.n + 1;'],
    ['a function of a CommonJS module', 'orders.cjs', 'exports.handler = async (event) => event.n + 1;'],
    [
      'names that CommonJS hides',
      'orders.cjs',
      'module.exports = Object.assign({}, { handler: async (event) => event.n + 1 });',
    ],
    [
      'a callback',
      'orders.mjs',
      'export const handler = (event, context, done) => { setTimeout(() => done(null, event.n + 1), 5); };',
    ],
    ['context.succeed', 'orders.mjs', 'export const handler = (event, context, done) => context.succeed(event.n + 1);'],
    ['a value at once', 'orders.mjs', 'export const handler = (event) => event.n + 1;'],
  ])('may be, or answer with, %s', async (_, name, source) => {
    expect(await (await World.of(source, name)).invoke({ n: 6 })).toMatchObject(returns(7));
  });

  it('may answer with nothing', async () => {
    const world = await World.of('export const handler = async () => {};');
    expect(await world.invoke()).toMatchObject({ outcome: 'returned', response: undefined });
  });

  it("has Lambda's context and its environment", async () => {
    const world = await World.of(`export const handler = async (_, context) => ({
      id: context.awsRequestId, name: context.functionName, tenant: context.tenantId,
      remaining: context.getRemainingTimeInMillis(), greeting: process.env.GREETING,
      variable: process.env.AWS_LAMBDA_FUNCTION_NAME,
    });`);
    const result = await world.invoke({}, 5_000, 'blue');
    if (result.outcome !== 'returned') throw new Error(result.error.message);
    const response = result.response as Record<string, unknown>;
    expect(response).toMatchObject({ name: 'orders', tenant: 'blue', greeting: 'hello', variable: 'orders' });
    expect(response['id']).toBe(result.requestId);
    expect(response['remaining']).toSatisfy((ms: number) => ms > 0 && ms <= 5_000);
  });

  it('writes to the log, line by line, under its request', async () => {
    const world = await World.of(
      `export const handler = async () => { console.log('a\\nb'); console.error('c'); process.stdout.write('d\\n'); };`,
    );
    const result = await world.invoke();
    const requestId = 'requestId' in result ? result.requestId : undefined;
    expect(world.lines.map(({ message }) => message)).toEqual(['a', 'b', 'c', 'd']);
    expect(world.lines.map(({ facts }) => facts['requestId'])).toEqual(Array.from({ length: 4 }, () => requestId));
    expect(world.lines.map(({ facts }) => facts['stream'])).toEqual(['stdout', 'stdout', 'stderr', 'stdout']);
  });

  it.each([
    ['throws', `export const handler = async () => { throw new TypeError('boom'); };`, /^TypeError: boom$/],
    ['throws what is no error', `export const handler = async () => { throw 'boom'; };`, /^string: boom$/],
    [
      'calls back with an error',
      `export const handler = (e, c, done) => { done(new RangeError('far')); };`,
      /^RangeError: far$/,
    ],
    ['answers what is not JSON', `export const handler = async () => 1n;`, /^Runtime\.MarshalError: .*BigInt/],
    [
      'answers a circle',
      `export const handler = async () => { const a = {}; a.a = a; return a; };`,
      /^Runtime\.MarshalError: /,
    ],
    ['exits', `export const handler = async () => { process.exit(3); };`, /^Runtime\.ExitError: .*exit status 3$/],
    [
      'exits well',
      `export const handler = async () => { process.exit(0); };`,
      /^Runtime\.ExitError: .*without providing a reason$/,
    ],
    [
      'leaves a rejection to nobody',
      `export const handler = () => new Promise(() => { void Promise.reject(new Error('lost')); });`,
      /^Runtime\.UnhandledPromiseRejection: Error: lost$/,
    ],
    [
      'throws later',
      `export const handler = () => new Promise(() => { setTimeout(() => { throw new Error('late'); }, 1); });`,
      /^Error: late$/,
    ],
  ])('that %s has failed, and the next invocation finds it well', async (_, source, message) => {
    const world = await World.of(
      `let count = 0;\n${source.replace('handler =', 'bad =')}
      export const handler = (event, context, done) => event.good ? Promise.resolve('well') : bad(event, context, done);`,
      'orders.mjs',
    );
    expect(await world.invoke()).toMatchObject(fails(message));
    expect(await world.invoke({ good: true })).toMatchObject(returns('well'));
  });

  it("reports an error with the handler's stack", async () => {
    const world = await World.of(`export const handler = async () => { throw new Error('boom'); };`);
    await world.invoke();
    const { message, facts } = world.lines.find(({ facts }) => 'error' in facts) as Line;
    expect(message).toBe('The handler failed');
    expect((facts['error'] as { stack: string }).stack).toContain('orders.ts:1:');
  });

  it.each([
    ['waits for ever', 'await new Promise(() => {});'],
    ['computes for ever', 'for (;;);'],
  ])('that %s is ended when its time is over', async (_, body) => {
    const world = await World.of(`export const handler = async (event) => { if (event.good) return 'well'; ${body} };`);
    expect(await world.invoke({ good: true })).toMatchObject(returns('well'));
    expect(await world.invoke({}, 300)).toMatchObject(
      fails(/Sandbox\.Timedout: .*Task timed out after 0\.30 seconds$/),
    );
    expect(await world.invoke({ good: true })).toMatchObject(returns('well'));
  });

  it('keeps its module between invocations, and has one thread for each at a time', async () => {
    const world = await World.of(`let count = 0; ${GATED}
      export const handler = async (event) => { if (event.gate) await gated(event.gate); return ++count; };`);
    expect(await world.invoke()).toMatchObject(returns(1));
    expect(await world.invoke()).toMatchObject(returns(2));
    const gate = new Gate();
    const together = [
      world.invoke({ gate: gate.name }, 2 * serverLimits.handlerLoadMsMax),
      world.invoke({ gate: gate.name }, 2 * serverLimits.handlerLoadMsMax),
    ];
    // Neither ends before both have begun.
    await world.said(gate.name, 2);
    gate.open();
    const counts = (await Promise.all(together)).map((one) => ('response' in one ? Number(one.response) : 0));
    expect(counts.toSorted((a, b) => a - b)).toEqual([1, 3]);
  });
});

describe('a module that does not load', () => {
  it.each([
    ['syntax', 'export const handler = async ( => {};', 'Runtime.UserCodeSyntaxError'],
    ['an import', `import './nothing.ts';\nexport const handler = async () => {};`, 'Runtime.ImportModuleError'],
    ['the export', 'export const other = 1;', 'Runtime.HandlerNotFound'],
    ['what it does', `throw new RangeError('no');\nexport const handler = 1;`, 'RangeError'],
  ])('for %s refuses invocations and says so once', async (_, source, kind) => {
    const world = await World.of(source);
    await world.pool.warm();
    expect(await world.invoke()).toMatchObject({ outcome: 'refused', error: { kind } });
    expect(await world.invoke()).toMatchObject({ outcome: 'refused', error: { kind } });
    expect(world.lines.map(({ message }) => message)).toEqual(['The handler does not load']);
  });

  it('is tried anew when it has changed', async () => {
    const world = await World.of('export const other = 1;');
    expect(await world.invoke()).toMatchObject({ outcome: 'refused' });
    await writeFile(world.file, `export const handler = async () => 'well';`);
    world.pool.reload();
    expect(await world.invoke()).toMatchObject(returns('well'));
  });
});

describe('a change', () => {
  it('is for new invocations, while those that run end in peace', async () => {
    const world = await World.of(
      `${GATED} export const handler = async (event) => { if (event.gate) await gated(event.gate); return 'old'; };`,
    );
    expect(await world.invoke()).toMatchObject(returns('old'));
    const gate = new Gate();
    const running = world.invoke({ gate: gate.name }, 2 * serverLimits.handlerLoadMsMax);
    await world.said(gate.name);
    await writeFile(world.file, `export const handler = async () => 'new';`);
    world.pool.reload();
    expect(await world.invoke()).toMatchObject(returns('new'));
    gate.open();
    expect(await running).toMatchObject(returns('old'));
    expect(await world.invoke()).toMatchObject(returns('new'));
  });

  it('is looked for in what was loaded', async () => {
    const world = await World.of(`export { handler } from './other.ts';`);
    const other = join(world.file, '..', 'other.ts');
    await writeFile(other, `export const handler = async () => 'well';`);
    await world.invoke();
    expect(world.sources.map((url) => url.split('/').at(-1))).toEqual(['orders.ts', 'other.ts']);
  });
});

describe('a pool that is closed', () => {
  it('lets what runs end in its time', async () => {
    const world = await World.of(
      `export const handler = async () => { await new Promise((r) => setTimeout(r, 200)); return 'done'; };`,
    );
    await world.pool.warm();
    const running = world.invoke();
    await world.pool.close(5_000);
    expect(await running).toMatchObject(returns('done'));
  });

  it('does not know what became of what it had to end', async () => {
    const world = await World.of(`export const handler = () => new Promise(() => {});`);
    await world.pool.warm();
    const running = world.invoke();
    await world.pool.close(50);
    expect(await running).toMatchObject({ outcome: 'unknown' });
  });
});
