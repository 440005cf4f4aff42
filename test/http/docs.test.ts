import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openApiDocument } from '../../lib/http/native/openapi.ts';
import { NATIVE_PATHS } from '../../lib/http/native/paths.ts';
import { ERROR_CODES, errorRow } from '../../lib/kernel/errors.ts';

const page = readFileSync(new URL('../../docs/http-api.md', import.meta.url), 'utf8');

describe('docs/http-api.md', () => {
  test('has every error code in the row of its status, and no other', () => {
    const rows = Array.from(page.matchAll(/^\| (\d{3}) \| (.+) \|$/gm), ([, status, codes]) => ({
      status: Number(status),
      codes: Array.from((codes ?? '').matchAll(/`([A-Z_]{5,})`/g), ([, code]) => code),
    }));
    const documented = rows.flatMap(({ status, codes }) => codes.map((code) => `${status} ${code}`));
    expect(documented.sort()).toEqual(ERROR_CODES.map((code) => `${errorRow(code).status} ${code}`).sort());
  });

  test('has every path, method and parameter', () => {
    for (const [path, methods] of Object.entries(NATIVE_PATHS)) {
      const shown = path.replace('/v1/topics/{topic}/partitions', '…/partitions');
      expect(page.includes(path) || page.includes(shown), path).toBe(true);
      for (const method of methods)
        expect(page, `${method} ${path}`).toMatch(new RegExp(`\`?${method}\`? (?:${escaped(path)}|${escaped(shown)})`));
    }
    const operations = Object.values(openApiDocument().paths ?? {}).flatMap(
      (item) => Object.values(item ?? {}) as { parameters?: { name: string; in: string }[] }[],
    );
    for (const { parameters = [] } of operations) {
      for (const parameter of parameters)
        expect(page, parameter.name).toContain(parameter.in === 'path' ? `{${parameter.name}}` : parameter.name);
    }
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.{}]/g, String.raw`\$&`);
}
