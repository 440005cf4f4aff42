/**
 * Makes `lib/kafka/generated` from Kafka's message schemas: `node scripts/kafka-messages/main.ts <directory of the
 * schemas>`.
 *
 * What it makes is committed, so that building needs no schemas.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { APIS } from './apis.ts';
import { renderApis } from './render-apis.ts';
import { fileName, renderMessage } from './render-message.ts';
import { readMessage } from './schema.ts';

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error("usage: node scripts/kafka-messages/main.ts <directory of Kafka's message schemas>");
  process.exit(2);
}

const out = join(import.meta.dirname, '../../lib/kafka/generated');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const apis = APIS.map((name) => ({
  name,
  request: readMessage(directory, `${name}Request`),
  response: readMessage(directory, `${name}Response`),
}));
const messages = apis.flatMap(({ request, response }) => [request, response]);
for (const message of messages) writeFileSync(join(out, fileName(message.struct.name)), renderMessage(message));
writeFileSync(join(out, 'apis.ts'), renderApis(apis));
execFileSync('npx', ['biome', 'check', '--write', out], { stdio: 'inherit' });
console.log(`${messages.length} messages of ${apis.length} APIs`);
