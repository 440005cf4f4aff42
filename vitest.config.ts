import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** One more than there are cores: many tests wait for timers, other processes and sockets. The default is one fewer. */
const WORKERS = availableParallelism() + 1;

/** Layers without I/O, of which no test changes what another one could see. */
const PURE = 'test/{kernel,log,coordination}/**/*.test.ts';

/** The projects of `npm test` need Node only; `peers` needs what `npm run peers` installs. */
export default defineConfig({
  test: {
    projects: [
      // Processes go on from file to file: starting one for each takes longer than most of their tests.
      project('pure', [PURE], 20_000, false),
      project(
        'unit',
        ['test/{storage,broker,http,kafka,triggers,client,cli,local,lambdas,bench,scripts}/**/*.test.ts'],
        20_000,
      ),
      project('contract', ['test/contract/**/*.test.ts'], 60_000),
      project('conformance', ['test/conformance/**/*.test.ts'], 60_000),
      project('simulation', ['test/simulation/**/*.test.ts'], 240_000),
      // One process for all files: loading aws-cdk-lib takes longer than the tests, and they share no state.
      project('infra', ['test/infra/**/*.test.ts'], 240_000, false),
      project('package', ['test/package/**/*.test.ts'], 240_000),
      project('peers', ['test/peers/**/*.test.ts'], 240_000),
    ],
  },
});

function project(name: string, include: string[], testTimeout: number, isolate = true) {
  return {
    test: {
      name,
      include,
      exclude: ['**/node_modules/**'],
      testTimeout,
      isolate,
      maxWorkers: WORKERS,
      hookTimeout: 120_000,
      environment: 'node' as const,
    },
  };
}
