import { describe, expect, test } from 'vitest';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { listeningWorld } from '../../support/http-world.ts';
import { RawConnection, rawRequest } from '../../support/raw-http.ts';

const NDJSON = { 'content-type': 'application/x-ndjson' };

async function world(options: Parameters<typeof listeningWorld>[0] = {}) {
  const opened = await listeningWorld(options);
  await opened.call('POST', '/v1/topics', { name: 't', partitions: 8 });
  const post = async (path: string, body: string) => {
    const answer = await fetch(`${opened.url}/v1/topics/t${path}`, { method: 'POST', headers: NDJSON, body });
    const text = await answer.text();
    const lines = text.split('\n').filter((line) => line !== '');
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      lines: lines.map((line) => JSON.parse(line) as Line),
    };
  };
  /** A request whose body the test sends piece by piece. */
  const begin = async () => {
    const connection = await RawConnection.open(opened.url);
    await connection.send(rawRequest('POST /v1/topics/t/records', { ...NDJSON, 'Transfer-Encoding': 'chunked' }));
    const send = (text: string) => connection.send(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
    return { connection, send, finish: () => connection.send('0\r\n\r\n') };
  };
  return { ...opened, post, begin };
}

interface Line {
  partition?: number;
  offset?: number;
  error?: { code: string; detail: string; status: number };
}

describe.each([true, false])('lines of records, on a door that streams: %s', (streaming) => {
  test('are answered line by line', async () => {
    const { post } = await world({ streaming });
    const { status, type, lines } = await post('/records', '{"value":1}\n\n{"value":2}\r\n  \n{"value":3}');
    expect({ status, type }).toEqual({ status: 200, type: 'application/x-ndjson' });
    expect(lines).toHaveLength(3);
    expect(new Set(lines.map(({ partition }) => partition)).size).toBe(1);
    expect(lines.map(({ offset }) => offset)).toEqual([0, 1, 2]);
  });

  test('fail one by one', async () => {
    const { post } = await world({ streaming });
    const { status, lines } = await post(
      '/partitions/1/records',
      '{"value":1}\nnonsense\n{"partition":2}\n{"valu":1}\n{"value":2}\n',
    );
    expect(status).toBe(207);
    expect(lines.map(({ offset, error }) => offset ?? error?.code)).toEqual([
      0,
      'INVALID_REQUEST',
      'INVALID_REQUEST',
      'INVALID_REQUEST',
      1,
    ]);
    expect(lines[1]?.error?.detail).toMatch(/^Line 2:/);
    expect(lines[3]?.error?.detail).toMatch(/^Line 4: valu /);
  });

  test('that all fail for one reason are that error', async () => {
    const { post, call } = await world({ streaming });
    expect((await post('/records', '{]\n{]\n')).status).toBe(400);
    expect((await post('/partitions/99/records', '{}\n{}\n')).status).toBe(404);
    expect((await post('/records', '\n \n')).status).toBe(400);
    expect((await post('/records', '')).status).toBe(400);
    await call('DELETE', '/v1/topics/t');
    expect((await post('/records', '{}\n')).status).toBe(404);
  });

  test('with an expected offset are written together or not at all', async () => {
    const { post } = await world({ streaming });
    expect((await post('/partitions/0/records?expected_offset=0', '{}\nnonsense\n{}')).status).toBe(400);
    expect((await post('/partitions/0/records?expected_offset=0', '{}\n{}\n')).status).toBe(200);
    const refused = await post('/partitions/0/records?expected_offset=0', '{}\n');
    expect(refused).toMatchObject({ status: 412, lines: [{ code: 'OFFSET_MISMATCH', next_offset: 2 }] });
  });

  test('with acks=none are accepted', async () => {
    const { post } = await world({ streaming });
    const { status, lines } = await post('/records?acks=none', '{"key":"a"}\n{"key":"b"}\n');
    expect(status).toBe(202);
    expect(lines.map((line) => Object.keys(line))).toEqual([['partition'], ['partition']]);
  });

  test('are at most 10,000', async () => {
    const { post } = await world({ streaming });
    const { status, lines } = await post('/records', '{}\n'.repeat(requestLimits.recordsPerRequestMax + 1));
    const said = JSON.stringify(lines.at(-1));
    expect(said).toContain('REQUEST_TOO_LARGE');
    expect([200, 413]).toContain(status);
    const all = await post('/partitions/0/records', '{}\n'.repeat(requestLimits.recordsPerRequestMax));
    expect(all.lines).toHaveLength(requestLimits.recordsPerRequestMax);
    expect(all.lines.map(({ offset }) => offset)).toEqual(all.lines.map((_, index) => index));
  });
});

describe('lines that come slowly', () => {
  test('are written and answered as they come, keyless ones to one partition', async () => {
    const { begin } = await world();
    const { connection, send, finish } = await begin();
    await send('{"value":1}\n{"val');
    const first = await connection.until((text) => text.includes('"offset":0'));
    expect(first).toMatch(/^HTTP\/1.1 200/);
    await send('ue":2}\nnonsense\n');
    await connection.until((text) => text.includes('"offset":1') && text.includes('Line 3'));
    await send('{"value":4}');
    await finish();
    const text = await connection.until((received) => received.endsWith('0\r\n\r\n'));
    const partitions = Array.from(text.matchAll(/"partition":(\d)/g), ([, partition]) => partition);
    expect(partitions).toHaveLength(3);
    expect(new Set(partitions).size).toBe(1);
    expect(text).toContain('"offset":2');
    connection.destroy();
  });

  test('that stop coming are told so in a last line, and what came before is written', async () => {
    const { begin, call } = await world({ bodyMsMax: 400 });
    const { connection, send } = await begin();
    await send('{"value":1,"partition":3}\n{"value":2');
    const text = await connection.until((received) => received.includes('REQUEST_NOT_RECEIVED'));
    expect(text).toMatch(/"offset":0.*\n[^]*\{"error":\{.*"status":408/);
    const topic = (await (await call('GET', '/v1/topics/t')).json()) as {
      partition_details: { high_watermark: number }[];
    };
    expect(topic.partition_details[3]?.high_watermark).toBe(1);
    connection.destroy();
  });

  test('whose first fail for one reason end there', async () => {
    const { begin } = await world();
    const { connection, send } = await begin();
    await send('nonsense\n');
    expect((await connection.answer())?.status).toBe(400);
    connection.destroy();
  });

  test('of a client that leaves log nothing as a bug', async () => {
    const errors: unknown[] = [];
    const { begin, call } = await world({
      log: { info: () => {}, warn: () => {}, error: (...logged) => errors.push(logged) },
    });
    const { connection, send } = await begin();
    await send('{"value":1,"partition":3}\n');
    await connection.until((text) => text.includes('"offset":0'));
    connection.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(errors).toEqual([]);
    expect((await call('GET', '/healthz')).status).toBe(200);
  });
});
