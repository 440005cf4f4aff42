/**
 * As much of curl as the sessions in the docs use, so that tests run them where there is none: `-s`, `-X`, `-H`, `-d`.
 */
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    request: { type: 'string', short: 'X' },
    header: { type: 'string', short: 'H', multiple: true },
    data: { type: 'string', short: 'd' },
  },
});
const [url] = positionals;
if (url === undefined || positionals.length > 1) throw new Error('curl takes one URL here');
const headers = (values.header ?? []).map((line): [string, string] => {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
});
const method = values.request ?? (values.data === undefined ? 'GET' : 'POST');
const answer = await fetch(url, { method, headers, ...(values.data !== undefined && { body: values.data }) });
process.stdout.write(await answer.text());
process.exitCode = answer.ok ? 0 : 22;
