/**
 * Where Kafka's own jars are, and how they get there: `node test/peers/kafka/java.ts fetch` has Maven copy what pom.xml
 * names, with all that it needs, into one directory that is not in the repository.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const JARS = join(import.meta.dirname, '../../.kafka/libs');
/** One that all of it is there with. */
const WITNESS = join(JARS, 'connect-mirror-4.2.0.jar');

/** Why Kafka's jars can't be run here; `undefined` where they can. */
export const jarsMissing = existsSync(WITNESS)
  ? undefined
  : "Kafka's jars are not there: run `node test/peers/kafka/java.ts fetch`";

export function fetchJars(): void {
  if (jarsMissing === undefined) return;
  rmSync(JARS, { recursive: true, force: true });
  const options = ['-DincludeScope=runtime', `-DoutputDirectory=${JARS}`];
  const pom = join(import.meta.dirname, 'pom.xml');
  execFileSync('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', ...options], { stdio: 'inherit' });
}
