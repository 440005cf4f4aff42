/** All scenarios, in the order in which they are run: the short ones first. */
import { adminCalls } from './admin-calls.ts';
import { connectDistributed } from './connect-distributed.ts';
import { connectStandalone } from './connect-standalone.ts';
import { consoleTools } from './console-tools.ts';
import { copier } from './copier.ts';
import { mirror } from './mirror.ts';
import { perfTools } from './perf-tools.ts';
import type { Scenario } from './scenario.ts';
import { streamsEos } from './streams-eos.ts';
import { streamsProtocol } from './streams-protocol.ts';
import { streamsSmoke } from './streams-smoke.ts';
import { verifiable } from './verifiable.ts';

const ALL = {
  admin: adminCalls,
  tools: consoleTools,
  perf: perfTools,
  verifiable,
  copier,
  'connect-standalone': connectStandalone,
  'connect-distributed': connectDistributed,
  mirror,
  'streams-protocol': streamsProtocol,
  'streams-smoke': streamsSmoke('at_least_once', { crash: false }),
  'streams-smoke-eos': streamsSmoke('exactly_once_v2', { crash: true }),
  'streams-eos': streamsEos({ complex: false }),
  'streams-eos-complex': streamsEos({ complex: true }),
};

export type ScenarioName = keyof typeof ALL;

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = ALL;
export const scenarioNames = Object.keys(ALL) as ScenarioName[];
