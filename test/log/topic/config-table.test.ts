import { expect, it } from 'vitest';
import { allowedValues, TOPIC_CONFIG_NAMES } from '../../../lib/log/topic/config.ts';
import { type ConfigRow, topicConfigTable } from '../../../lib/log/topic/config-table.ts';

const EFFECTS = { now: 'yes', later: 'not yet', never: 'none' } as const;

function row(name: keyof typeof topicConfigTable): string {
  const config: ConfigRow = topicConfigTable[name];
  const fixed = config.fixed === true ? ', fixed at creation' : '';
  const value = config.default === '' ? 'empty' : `\`${config.default}\``;
  return `| \`${name}\` | ${value} | ${allowedValues(config)}${fixed} | ${EFFECTS[config.effect]} | ${config.about} |`;
}

it('is what docs/topic-configs.md lists (npx vitest run --project unit --update writes it)', async () => {
  const page = [
    '# Topic configs',
    '',
    "All names that Kafka 4 knows for topics, and Millrace's own. Values are text, as in Kafka; over HTTP numbers and",
    'booleans stand for theirs. An unknown name or a bad value is refused with `INVALID_CONFIG`.',
    '',
    'Effect: *yes*, obeyed; *not yet*, kept and obeyed once the function it belongs to is there; *none*, taken so that',
    "Kafka's tools work unchanged, but about something that Millrace does not have.",
    '',
    '| name | default | allowed | effect | about |',
    '|---|---|---|---|---|',
    ...TOPIC_CONFIG_NAMES.map(row),
    '',
  ];
  await expect(page.join('\n')).toMatchFileSnapshot('../../../docs/topic-configs.md');
});
