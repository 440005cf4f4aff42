import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fileName, renderMessage } from '../../../scripts/kafka-messages/render-message.ts';
import { readMessage } from '../../../scripts/kafka-messages/schema.ts';

const directory = mkdtempSync(join(tmpdir(), 'messages-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const field = (name: string, type: string, more: object = {}) => ({ name, type, versions: '0+', about: name, ...more });

/** What is made of a request with these fields, in one line. */
function rendered(...fields: object[]): string {
  const versions = { validVersions: '0-4', flexibleVersions: '3+' };
  const schema = { apiKey: 99, type: 'request', name: 'TryRequest', ...versions, fields };
  writeFileSync(join(directory, 'TryRequest.json'), `// A comment.\n${JSON.stringify(schema)}`);
  return renderMessage(readMessage(directory, 'TryRequest')).replaceAll(/\s+/g, ' ');
}

it('names files as the messages, in kebab case', () => {
  expect(fileName('ConsumerGroupDescribeRequest')).toBe('consumer-group-describe-request.ts');
});

it('reads and writes a field in both forms', () => {
  const code = rendered(field('Name', 'string'));
  expect(code).toContain('name: reader.string(version >= 3),');
  expect(code).toContain('writer.string(message.name, version >= 3);');
  expect(code).toContain('if (version >= 3) reader.taggedFields();');
});

it('has a field only in its versions, and refuses what cannot be said in another', () => {
  const code = rendered(field('Since', 'int32', { versions: '2+', default: '-1' }));
  expect(code).toContain('since?: number;');
  expect(code).toContain('since: version >= 2 ? reader.int32() : -1,');
  expect(code).toContain('if (version >= 2) writer.int32((message.since ?? -1));');
  expect(code).toContain("refuseIf(message.since !== undefined && message.since !== -1, 'TryRequest.since', version)");
  expect(rendered(field('Since', 'int32', { versions: '2+', ignorable: true }))).not.toContain('refuseIf');
});

it('takes null only where the version has it', () => {
  const code = rendered(field('Note', 'string', { nullableVersions: '1+' }));
  expect(code).toContain('note: string | null;');
  expect(code).toContain('version >= 1 ? reader.nullableString(version >= 3) : reader.string(version >= 3)');
  expect(code).toContain("refuseNull(message.note, version >= 1, 'note', version)");
});

it('reads and writes tagged fields, these only where they are not their defaults', () => {
  const struct = { fields: [field('Id', 'int32', { default: '-1' })] };
  const tagged = { versions: '3+', taggedVersions: '3+', tag: 2, ...struct };
  const code = rendered(field('Leader', 'Leader', tagged));
  expect(code).toContain('case 2:');
  expect(code).toContain('message.leader = readLeader(reader, version);');
  expect(code).toContain('message.leader.id !== undefined && message.leader.id !== -1');
  expect(code).toContain('tagged.push({ tag: 2,');
});

it('tells the reader what an element takes at least', () => {
  const fields = [field('Id', 'uuid'), field('Names', '[]string')];
  // An id of 16 bytes, the length of the names, and from version 3 on tagged fields: 18 then, 20 before.
  expect(rendered(field('Topics', '[]Topic', { fields }))).toContain('reader.array(version >= 3, 18, () => readTopic(');
});
